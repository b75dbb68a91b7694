using System.Text.Json.Nodes;
using Mailquench.ExchangeSim.World;

namespace Mailquench.ExchangeSim.Exchange;

/// Get-, Set-, New- and Remove- of a kind of object. `Check` sees an object as it would become, and throws Failure.
sealed class Generic(Kind kind)
{
    public delegate void Checker(Call call, JsonObject organisation, JsonObject thing, JsonObject? before);
    public Checker? Check { get; init; }
    public Func<Call, JsonObject, JsonObject, bool>? Filter { get; init; }  // Of Get-, beyond the identity.
    public Func<Call, JsonObject, IEnumerable<JsonObject>>? Where { get; init; }  // Of those that no single list holds.

    List<JsonObject> Things(Call call, JsonObject organisation) =>
        (Where?.Invoke(call, organisation) ?? kind.Stored(organisation).OfType<JsonObject>()).ToList();

    public void Get(Call call)
    {
        JsonObject organisation = call.World.Read();
        string? asked = call.Text("Identity");
        int found = 0;
        foreach (JsonObject thing in Things(call, organisation))
        {
            // An absent or empty identity gives all, as there.
            if (!string.IsNullOrEmpty(asked) && !kind.Matches(call, thing, asked, wildcards: true)) continue;
            if (Filter != null && !Filter(call, organisation, thing)) continue;
            ++found;
            call.Write(kind.Show(call, thing));
        }
        if (found == 0 && !string.IsNullOrEmpty(asked) && !asked.Contains('*')) call.Error(Failure.NotFound(asked, call.DomainController));
    }

    public void Set(Call call) => Change(call, (organisation, thing) =>
    {
        JsonObject before = thing.DeepClone().AsObject();
        Take(call, thing);
        Check?.Invoke(call, organisation, thing, before);
        if (JsonNode.DeepEquals(before, thing))
            call.Warn($"The command completed successfully but no settings of '{kind.IdentityOf(thing)}' have been modified.");
        else if (!call.WhatIf) thing["WhenChangedUTC"] = DateTime.UtcNow.ToString("o");
    });

    /// The one object that -Identity names, in a read-modify-write.
    public void Change(Call call, Action<JsonObject, JsonObject> change)
    {
        call.Confirm();
        call.World.Change(organisation =>
        {
            JsonObject thing = One(call, organisation);
            if (call.WhatIf)
            {
                change(organisation, thing.DeepClone().AsObject());
                return;
            }
            change(organisation, thing);
        });
    }

    JsonObject One(Call call, JsonObject organisation)
    {
        List<JsonObject> all = Things(call, organisation);
        string? asked = call.Text("Identity");
        if (string.IsNullOrEmpty(asked))
            return all.Count == 1 && !call.Spec.Sets.Any(set => set.Mandatory.Contains("Identity")) ? all[0] : throw Failure.NotFound(asked ?? "", call.DomainController);
        var matching = all.Where(thing => kind.Matches(call, thing, asked, wildcards: false)).ToList();
        if (matching.Count > 1)
            matching = matching.Where(thing => kind.IdentityOf(thing).StartsWith(call.Server + "\\", StringComparison.OrdinalIgnoreCase)).ToList();
        return matching.Count switch
        {
            1 => matching[0],
            0 => throw Failure.NotFound(asked, call.DomainController),
            _ => throw new Failure("ManagementObjectAmbiguousException", $"The operation couldn't be performed because '{asked}' matches multiple entries."),
        };
    }

    /// `all`: also what is as it would be without.
    public void Take(Call call, JsonObject thing, bool all = false)
    {
        foreach (string name in call.BoundNames.ToList())
        {
            if (!call.Spec.Parameters.TryGetValue(name, out Catalogue.Parameter? parameter) || Skipped.Contains(name)) continue;
            JsonNode? stored = Values.Store(parameter.Name, parameter.Type, call.Value(name), kind.Get(thing, parameter.Name));
            if (parameter.Name == "Name" && string.IsNullOrWhiteSpace(stored?.ToString()))
                throw Failure.BadArgument("Name", stored, "it is empty.");
            if (all || thing.ContainsKey(parameter.Name) || !JsonNode.DeepEquals(stored, kind.Get(thing, parameter.Name))) thing[parameter.Name] = stored;
        }
    }

    static readonly HashSet<string> Skipped = new(StringComparer.OrdinalIgnoreCase)
    { "Identity", "Confirm", "WhatIf", "DomainController", "Force", "Server", "Debug", "Verbose", "ErrorAction", "WarningAction", "Usage", "Custom", "Internal", "Internet", "Partner", "Client" };

    public void New(Call call) => New(call, []);

    public void New(Call call, JsonObject start)
    {
        call.Confirm();
        call.World.Change(organisation =>
        {
            JsonArray all = kind.Stored(organisation);
            JsonObject thing = start;
            Take(call, thing, all: true);
            string name = thing.Text("Name") ?? throw Failure.BadArgument("Name", null, "it is empty.");
            if (all.OfType<JsonObject>().Any(other => name.Equals(other.Text("Name"), StringComparison.OrdinalIgnoreCase)))
                throw new Failure("ADObjectAlreadyExistsException", $"Active Directory operation failed on {call.DomainController}. The object 'CN={name}' already exists.");
            Check?.Invoke(call, organisation, thing, null);
            if (call.WhatIf) return;
            thing["WhenCreatedUTC"] = DateTime.UtcNow.ToString("o");
            all.Add(thing);
            call.Write(kind.Show(call, thing));
        });
    }

    public void Remove(Call call)
    {
        call.Confirm();
        call.World.Change(organisation =>
        {
            JsonObject thing = One(call, organisation);
            Check?.Invoke(call, organisation, thing, thing);
            if (!call.WhatIf) kind.Stored(organisation).Remove(thing);
        });
    }
}
