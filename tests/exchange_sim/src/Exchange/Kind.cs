using System.Management.Automation;
using System.Reflection;
using System.Text.Json.Nodes;
using Mailquench.ExchangeSim.Catalogue;
using Mailquench.ExchangeSim.World;
using Microsoft.Exchange.Data;

namespace Mailquench.ExchangeSim.Exchange;

/// A kind of object of the directory: where it is stored, how it is told apart, what it looks like.
sealed class Kind(string noun, string type, Func<JsonObject, JsonArray> list)
{
    public string Noun => noun;
    public string TypeName => type;
    public JsonArray Stored(JsonObject organisation) => list(organisation);
    public Func<JsonObject, string> IdentityOf { get; init; } = thing => thing.Text("Name") ?? "";
    /// Properties that are worked out.
    public IReadOnlyDictionary<string, Func<Call, JsonObject, object?>> Computed { get; init; } = new Dictionary<string, Func<Call, JsonObject, object?>>();
    /// Properties that name it as well as its identity does.
    public string[] AlsoBy { get; init; } = [];
    static readonly Lazy<JsonObject> AllDefaults = new(LoadDefaults);

    // Parameters that are no properties.
    static readonly HashSet<string> NoProperty = new(StringComparer.OrdinalIgnoreCase)
    {
        "Identity", "Confirm", "WhatIf", "DomainController", "Force", "IgnoreDefaultScope", "Custom", "Internal", "Internet", "Partner", "Client",
        "Usage", "Name", "Server", "Organization", "UseLegacyRegex", "GenerateIncidentReport",
    };
    static readonly string[] Directory =
    [
        "AdminDisplayName", "ExchangeVersion", "Name", "DistinguishedName", "Identity", "Guid", "ObjectCategory", "ObjectClass", "WhenChanged",
        "WhenCreated", "WhenChangedUTC", "WhenCreatedUTC", "OrganizationId", "Id", "OriginatingServer", "IsValid", "ObjectState",
    ];

    /// What is stored of each, with the documented default where it is not.
    public JsonNode? Get(JsonObject thing, string property) =>
        thing.ContainsKey(property) ? thing[property] : AllDefaults.Value[noun]?[property];

    public static JsonObject Defaults(string noun) => AllDefaults.Value[noun]?.DeepClone().AsObject() ?? [];

    public DocumentedCmdlet? Setter(Call call) => CmdletCatalogue.Of(call.Context.Version, call.Context.IsEdge).Find("Set-" + noun);

    public string TypeOf(Call call, string property) =>
        Setter(call)?.Parameters.GetValueOrDefault(property)?.Type
        ?? call.Spec.Parameters.GetValueOrDefault(property)?.Type ?? "String";

    public PSObject Show(Call call, JsonObject thing)
    {
        var shown = new PSObject();
        shown.TypeNames.Clear();
        foreach (string name in new[] { type, "Microsoft.Exchange.Data.Directory.ADObject", "Microsoft.Exchange.Data.ConfigurableObject", "System.Object" })
            shown.TypeNames.Add(name);
        string identity = IdentityOf(thing);
        foreach (string property in Properties(call))
            shown.Properties.Add(new PSNoteProperty(property, DirectoryValue(call, thing, property, identity, out object? value)
                ? value : Values.Live(TypeOf(call, property), Get(thing, property))));
        shown.Methods.Add(new PSScriptMethod("ToString", ScriptBlock.Create("$this.Identity")));
        return shown;
    }

    IEnumerable<string> Properties(Call call)
    {
        CmdletCatalogue catalogue = CmdletCatalogue.Of(call.Context.Version, call.Context.IsEdge);
        if (catalogue.Find("Get-" + noun) is { } getter && getter.Output.Contains("Identity")) return getter.Output;
        var names = new List<string>(catalogue.Find("Get-" + noun)?.Output ?? []);
        foreach (string verb in new[] { "Set-", "New-" })
            if (catalogue.Find(verb + noun) is { } cmdlet)
                names.AddRange(cmdlet.Parameters.Keys.Where(name => !NoProperty.Contains(name)));
        names.AddRange(AllDefaults.Value[noun]?.AsObject().Select(pair => pair.Key) ?? []);
        return names.Concat(Directory).Distinct(StringComparer.OrdinalIgnoreCase);
    }

    bool DirectoryValue(Call call, JsonObject thing, string property, string identity, out object? value)
    {
        value = null;
        if (Computed.TryGetValue(property, out Func<Call, JsonObject, object?>? compute))
        {
            value = compute(call, thing);
            return true;
        }
        switch (property)
        {
            case "Identity" or "Id": value = identity; return true;
            case "Name": value = thing.Text("Name"); return true;
            case "DistinguishedName": value = Names.Distinguished(call, noun, thing.Text("Name") ?? ""); return true;
            case "Guid": value = Names.Guid(noun, identity); return true;
            case "IsValid": value = true; return true;
            case "ObjectState": value = ObjectState.Unchanged; return true;
            case "OriginatingServer": value = call.DomainController; return true;
            case "ExchangeVersion": value = "0.1 (8.0.535.0)"; return true;
            case "OrganizationId": value = ""; return true;
            case "ObjectClass": value = new MultiValuedProperty<string>(["top", "msExch" + noun]); return true;
            case "WhenChanged" or "WhenCreated" or "WhenChangedUTC" or "WhenCreatedUTC":
                DateTime when = DateTime.TryParse(thing.Text(property.StartsWith("WhenCreated") ? "WhenCreatedUTC" : "WhenChangedUTC"), null,
                    System.Globalization.DateTimeStyles.AdjustToUniversal, out DateTime stored) ? stored : new DateTime(2024, 1, 1, 0, 0, 0, DateTimeKind.Utc);
                value = property.EndsWith("UTC") ? when : when.ToLocalTime();
                return true;
            default: return false;
        }
    }

    /// Those that an identity names: by identity, name, GUID or distinguished name.
    public bool Matches(Call call, JsonObject thing, string asked, bool wildcards)
    {
        string identity = IdentityOf(thing), name = thing.Text("Name") ?? "";
        if (wildcards && asked.Contains('*'))
            return new WildcardPattern(asked, WildcardOptions.IgnoreCase) is var pattern && (pattern.IsMatch(identity) || pattern.IsMatch(name));
        return asked.Equals(identity, StringComparison.OrdinalIgnoreCase) || AlsoBy.Any(key => asked.Equals(thing.Text(key), StringComparison.OrdinalIgnoreCase)) || asked.Equals(name, StringComparison.OrdinalIgnoreCase)
            || asked.Equals(Names.Guid(noun, identity).ToString(), StringComparison.OrdinalIgnoreCase)
            || asked.Equals(Names.Distinguished(call, noun, name), StringComparison.OrdinalIgnoreCase);
    }

    static JsonObject LoadDefaults()
    {
        using Stream stream = Assembly.GetExecutingAssembly().GetManifestResourceStream("defaults.json")!;
        return JsonNode.Parse(stream)!.AsObject();
    }
}

/// Names that Active Directory would give.
static class Names
{
    public static string Distinguished(Call call, string noun, string name)
    {
        string organisation = call.World.Read().Text("name") ?? "Contoso";
        string domain = string.Join(",", call.Fqdn().Split('.').Skip(1).Select(part => "DC=" + part));
        return $"CN={name},CN={noun}s,CN={organisation},CN=Microsoft Exchange,CN=Services,CN=Configuration,{domain}";
    }

    // The same object has the same one in each shell.
    public static Guid Guid(string noun, string identity) =>
        new(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(noun + "/" + identity.ToLowerInvariant()))[..16]);
}
