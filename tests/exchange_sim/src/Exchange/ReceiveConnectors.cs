using System.Management.Automation;
using System.Text.Json.Nodes;
using Mailquench.ExchangeSim.World;
using Microsoft.Exchange.Data;
using Microsoft.Exchange.Data.Directory.SystemConfiguration;

namespace Mailquench.ExchangeSim.Exchange;

/// Receive connectors: of all servers in what an organisation shares, each belonging to one.
static class ReceiveConnectors
{
    public static readonly Kind Kind = new("ReceiveConnector", "Microsoft.Exchange.Data.Directory.SystemConfiguration.ReceiveConnector", _ => throw new InvalidOperationException())
    {
        IdentityOf = thing => thing.Text("Server") + "\\" + thing.Text("Name"),
        Computed = new Dictionary<string, Func<Call, JsonObject, object?>>
        {
            ["PermissionGroups"] = (_, thing) => Shown(thing),
            ["Server"] = (_, thing) => thing.Text("Server"),
        },
    };
    static readonly Generic Generic = new(Kind) { Check = Check };

    static PermissionGroups Shown(JsonObject thing)
    {
        JsonObject copy = thing.DeepClone().AsObject();
        Permissions.Store(copy, Permissions.Entries(copy));
        return Permissions.Parse(copy.Text("PermissionGroups"));
    }

    static IEnumerable<JsonObject> All(JsonObject organisation, string? server = null)
    {
        foreach (var (name, node) in organisation["servers"]!.AsObject())
            if (server == null || server.Equals(name, StringComparison.OrdinalIgnoreCase))
                foreach (JsonObject connector in (node!["receive_connectors"] as JsonArray ?? []).OfType<JsonObject>())
                {
                    connector["Server"] = name;  // Where it is stored is its server.
                    yield return connector;
                }
    }

    /// "Name" is one of this server; "Server\Name" is clear.
    public static JsonObject Find(Call call, JsonObject organisation, string? asked)
    {
        if (string.IsNullOrEmpty(asked)) throw Failure.NotFound("", call.DomainController);
        var all = All(organisation).Where(thing => Kind.Matches(call, thing, asked, wildcards: false)).ToList();
        if (!asked.Contains('\\') && all.Count > 1) all = all.Where(thing => Permissions.Same(thing.Text("Server")!, call.Server)).ToList();
        return all.Count switch
        {
            1 => all[0],
            0 => throw Failure.NotFound(asked, call.DomainController),
            _ => throw new Failure("ManagementObjectAmbiguousException", $"The operation couldn't be performed because '{asked}' matches multiple entries."),
        };
    }

    public static void Get(Call call)
    {
        JsonObject organisation = call.World.Read();
        string? server = call.Text("Server"), asked = call.Text("Identity");
        if (!string.IsNullOrEmpty(server)) server = Servers.Name(call, organisation, server);
        int found = 0;
        foreach (JsonObject connector in All(organisation, string.IsNullOrEmpty(server) ? null : server))
        {
            if (!string.IsNullOrEmpty(asked) && !Kind.Matches(call, connector, asked, wildcards: true)) continue;
            ++found;
            call.Write(Kind.Show(call, connector));
        }
        if (found == 0 && !string.IsNullOrEmpty(asked) && !asked.Contains('*')) call.Error(Failure.NotFound(asked, call.DomainController));
    }

    public static void Set(Call call)
    {
        call.Confirm();
        call.World.Change(organisation =>
        {
            JsonObject thing = Find(call, organisation, call.Text("Identity"));
            JsonObject changed = thing.DeepClone().AsObject();
            var entries = Permissions.Entries(thing);
            PermissionGroups before = Shown(thing);
            Generic.Take(call, changed);
            Groups(call, changed, entries, before);
            Check(call, organisation, changed, thing);
            if (Same(thing, changed))
            {
                call.Warn($"The command completed successfully but no settings of '{Kind.IdentityOf(thing)}' have been modified.");
                return;
            }
            if (call.WhatIf) return;
            changed["WhenChangedUTC"] = DateTime.UtcNow.ToString("o");
            foreach (var (name, value) in changed.ToList()) thing[name] = value?.DeepClone();
        });
    }

    static bool Same(JsonObject one, JsonObject other)
    {
        JsonObject left = one.DeepClone().AsObject(), right = other.DeepClone().AsObject();
        Permissions.Store(left, Permissions.Entries(left));
        Permissions.Store(right, Permissions.Entries(right));
        return JsonNode.DeepEquals(left, right);
    }

    static void Groups(Call call, JsonObject thing, HashSet<(string User, string Right, bool Deny)> entries, PermissionGroups before)
    {
        if (!call.Has("PermissionGroups"))
        {
            thing["PermissionGroups"] = before.ToString();
            return;
        }
        PermissionGroups wanted = Permissions.Parse(thing.Text("PermissionGroups"));
        if (wanted.HasFlag(PermissionGroups.Custom))
            throw new Failure("CustomCannotBeSetForPermissionGroupsException", "The permission group Custom can't be set: it is shown where entries were made by hand.",
                              ErrorCategory.InvalidArgument);
        Permissions.SetGroups(thing, entries, before, wanted);
    }

    public static void New(Call call)
    {
        call.Confirm();
        call.World.Change(organisation =>
        {
            string server = Servers.Name(call, organisation, call.Text("Server") ?? call.Server);
            JsonArray all = organisation["servers"]![server]!.AsObject().Array("receive_connectors");
            JsonObject thing = Kind.Defaults("ReceiveConnector");
            foreach (var (name, value) in ByUsage(call)) thing[name] = value?.DeepClone();
            Generic.Take(call, thing);
            thing["Server"] = server;
            if (!thing.ContainsKey("Fqdn")) thing["Fqdn"] = organisation["servers"]![server]!.AsObject().Text("fqdn");
            if (all.OfType<JsonObject>().Any(other => Permissions.Same(other.Text("Name")!, thing.Text("Name")!)))
                throw new Failure("ADObjectAlreadyExistsException", $"Active Directory operation failed on {call.DomainController}. The object 'CN={thing.Text("Name")}' already exists.");
            PermissionGroups wanted = Permissions.Parse(thing.Text("PermissionGroups"));
            thing["PermissionGroups"] = "None";
            Permissions.SetGroups(thing, [], PermissionGroups.None, wanted);
            Check(call, organisation, thing, null);
            if (call.WhatIf) return;
            thing["WhenCreatedUTC"] = thing["WhenChangedUTC"] = null;
            thing["WhenCreatedUTC"] = DateTime.UtcNow.ToString("o");
            thing["WhenChangedUTC"] = DateTime.UtcNow.ToString("o");
            all.Add(thing);
            call.Write(Kind.Show(call, thing));
        });
    }

    // -Usage, or the switch of the same name, says what a new one starts with.
    static JsonObject ByUsage(Call call)
    {
        string usage = call.Text("Usage") ?? new[] { "Internal", "Internet", "Partner", "Client" }.FirstOrDefault(name => call.Flag(name)) ?? "Custom";
        return usage.ToLowerInvariant() switch
        {
            "client" => new JsonObject { ["AuthMechanism"] = "Tls, Integrated, BasicAuth, BasicAuthRequireTLS", ["PermissionGroups"] = "ExchangeUsers" },
            "internal" => new JsonObject { ["AuthMechanism"] = "Tls, ExchangeServer", ["PermissionGroups"] = "ExchangeServers, ExchangeLegacyServers" },
            "internet" => new JsonObject { ["AuthMechanism"] = "Tls", ["PermissionGroups"] = "AnonymousUsers" },
            "partner" => new JsonObject { ["AuthMechanism"] = "Tls", ["PermissionGroups"] = "Partners" },
            _ => new JsonObject { ["AuthMechanism"] = "Tls", ["PermissionGroups"] = "None" },
        };
    }

    public static void Remove(Call call)
    {
        call.Confirm();
        call.World.Change(organisation =>
        {
            JsonObject thing = Find(call, organisation, call.Text("Identity"));
            if (!call.WhatIf) organisation["servers"]![thing.Text("Server")!]!["receive_connectors"]!.AsArray().Remove(thing);
        });
    }

    static void Check(Call call, JsonObject organisation, JsonObject thing, JsonObject? before)
    {
        Enum.TryParse(thing.Text("AuthMechanism"), true, out AuthMechanisms auth);
        PermissionGroups groups = Permissions.Parse(thing.Text("PermissionGroups"));
        Failure bad(string text) => new("InvalidOperationException", text, ErrorCategory.InvalidArgument, Kind.IdentityOf(thing));
        if (auth.HasFlag(AuthMechanisms.BasicAuthRequireTLS) && !(auth.HasFlag(AuthMechanisms.BasicAuth) && auth.HasFlag(AuthMechanisms.Tls)))
            throw bad("If you set the AuthMechanism parameter to BasicAuthRequireTLS, you must also set BasicAuth and Tls.");
        if (auth.HasFlag(AuthMechanisms.ExternalAuthoritative))
        {
            if ((auth & ~(AuthMechanisms.ExternalAuthoritative | AuthMechanisms.Tls)) != 0)
                throw bad("The authentication mechanism ExternalAuthoritative can be combined with Tls only.");
            if (!groups.HasFlag(PermissionGroups.ExchangeServers))
                throw bad("You must set the value for the PermissionGroups parameter to ExchangeServers when you set the AuthMechanism parameter to ExternalAuthoritative.");
        }
        string server = thing.Text("Server")!;
        foreach (JsonObject other in All(organisation, server))
        {
            if (other == thing || (before != null && other == before)) continue;
            if (!Permissions.Same(other.Text("TransportRole") ?? "HubTransport", thing.Text("TransportRole") ?? "HubTransport")) continue;
            if (other.Texts("Bindings").Intersect(thing.Texts("Bindings"), StringComparer.OrdinalIgnoreCase).Any() &&
                other.Texts("RemoteIPRanges").Intersect(thing.Texts("RemoteIPRanges"), StringComparer.OrdinalIgnoreCase).Any())
                throw new Failure("ConnectorMappingConflictException",
                    $"The values that you specified for the Bindings and RemoteIPRanges parameters conflict with the settings on Receive connector \"{Kind.IdentityOf(other)}\". " +
                    "Receive connectors assigned to different Transport roles on a single server must listen on unique local IP address & port bindings.",
                    ErrorCategory.InvalidOperation, Kind.IdentityOf(thing));
        }
        foreach (string binding in thing.Texts("Bindings"))
            if (!System.Net.IPEndPoint.TryParse(binding, out System.Net.IPEndPoint? end) || end.Port == 0)
                throw Failure.BadArgument("Bindings", binding, "it is no address and port.");
    }
}
