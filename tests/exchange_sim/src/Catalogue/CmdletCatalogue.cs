using System.Reflection;
using System.Text.Json.Nodes;
using Mailquench.ExchangeSim.World;

namespace Mailquench.ExchangeSim.Catalogue;

sealed record Parameter(string Name, string Type, IReadOnlyList<string> Values, IReadOnlyList<string> Aliases, string? Pipeline, JsonArray? Applicable);

sealed record ParameterSet(string Name, IReadOnlyList<string> Mandatory, IReadOnlyList<string> Optional, IReadOnlyList<string> Positional);

/// A cmdlet as it is documented for one version.
sealed class DocumentedCmdlet(string name, JsonObject json, string version, bool edge)
{
    public string Name { get; } = name;
    public IReadOnlyDictionary<string, Parameter> Parameters { get; } = ReadParameters(name, json, version, edge);
    public IReadOnlyList<ParameterSet> Sets => sets ??= ReadSets();
    IReadOnlyList<ParameterSet>? sets;
    public IReadOnlyList<string> Output { get; } = (json["output"] as JsonObject).Texts("properties").ToList();
    public IReadOnlySet<string> Filterable { get; } = ReadFilterable(json["output"] as JsonObject);
    public JsonObject? OutputJson { get; } = json["output"] as JsonObject;

    static Dictionary<string, Parameter> ReadParameters(string cmdlet, JsonObject json, string version, bool edge)
    {
        var result = new Dictionary<string, Parameter>(StringComparer.OrdinalIgnoreCase);  // One is documented twice, in two cases.
        foreach (var (name, node) in json["parameters"]!.AsObject())
        {
            var parameter = node!.AsObject();
            // An Edge server has no recipients to name in a rule.
            if (edge && cmdlet.EndsWith("-TransportRule") && parameter.Text("type") == "RecipientIdParameter[]") continue;
            if (parameter["applicable"] is JsonArray versions && !versions.Any(item => item!.ToString() == version)) continue;
            List<string> values = parameter.Texts("valid_values").ToList();
            if (values.Count == 0) values = parameter.Texts("doc_valid_values").ToList();
            result.TryAdd(name, new Parameter(name, parameter.Text("type") ?? "Object", values, parameter.Texts("aliases").ToList(),
                                              parameter.Text("pipeline"), null));
        }
        return result;
    }

    // Of messages the documentation says of its whole table that it is for filters.
    static HashSet<string> ReadFilterable(JsonObject? output) => new(
        output?["filterable"] is JsonArray ? output.Texts("filterable") : output.Texts("properties").Except(["Recipients", "MessageLatency", "ComponentLatency", "MessageIdentity"]),
        StringComparer.OrdinalIgnoreCase);

    List<ParameterSet> ReadSets()
    {
        var result = new List<ParameterSet>();
        foreach (JsonObject set in json["parameter_sets"]!.AsArray().OfType<JsonObject>())
        {
            var mandatory = set.Texts("mandatory").ToList();
            if (mandatory.Any(name => !Parameters.ContainsKey(name))) continue;  // Of another version.
            result.Add(new ParameterSet(set.Text("name")!, mandatory, set.Texts("optional").Where(Parameters.ContainsKey).ToList(),
                                        set.Texts("positional").ToList()));
        }
        return result;
    }
}

/// exchange-cmdlets.json, for one version and role.
sealed class CmdletCatalogue
{
    static readonly Lazy<JsonObject> All = new(Load);
    readonly Dictionary<string, DocumentedCmdlet> cmdlets = new(StringComparer.OrdinalIgnoreCase);
    static readonly Dictionary<(string, bool), CmdletCatalogue> Made = [];

    // There is no mailbox, no managed availability of this kind, and no subscription's other end on an Edge server.
    static readonly string[] NotOnEdge =
    [
        "Get-Mailbox", "Set-Mailbox", "Get-CASMailbox", "Set-CASMailbox", "Get-MailboxServer", "Set-MailboxServer", "Get-ThrottlingPolicy",
        "Set-ThrottlingPolicy", "Get-FrontendTransportService", "Set-FrontendTransportService", "Get-MailboxTransportService",
        "Set-MailboxTransportService", "Get-HybridConfiguration", "Start-EdgeSynchronization", "Get-MalwareFilteringServer",
        "Set-MalwareFilteringServer", "Add-ResubmitRequest", "Get-ResubmitRequest", "Set-ResubmitRequest", "Remove-ResubmitRequest",
        "Redirect-Message", "Get-QueueDigest", "Get-DatabaseAvailabilityGroup",
    ];
    // Need the Connection Filtering agent.
    static readonly string[] OnEdgeAlone =
    [
        "Add-IPAllowListEntry", "Add-IPBlockListEntry", "Get-IPAllowListEntry", "Get-IPBlockListEntry", "Remove-IPBlockListEntry",
        "Get-IPBlockListConfig", "Set-IPBlockListConfig",
    ];

    public static CmdletCatalogue Of(string version, bool edge)
    {
        lock (Made)
        {
            if (Made.TryGetValue((version, edge), out CmdletCatalogue? there)) return there;
            return Made[(version, edge)] = new CmdletCatalogue(version, edge);
        }
    }

    CmdletCatalogue(string version, bool edge)
    {
        string[] absent = edge ? NotOnEdge : OnEdgeAlone;
        foreach (var (name, node) in All.Value["cmdlets"]!.AsObject())
        {
            var json = node!.AsObject();
            if (!json["applicable"]!.AsArray().Any(item => item!.ToString() == version)) continue;
            if (absent.Contains(name, StringComparer.OrdinalIgnoreCase)) continue;
            cmdlets[name] = new DocumentedCmdlet(name, json, version, edge);
        }
    }

    public IEnumerable<DocumentedCmdlet> Cmdlets => cmdlets.Values;
    public DocumentedCmdlet? Find(string name) => cmdlets.GetValueOrDefault(name);

    static JsonObject Load()
    {
        using Stream stream = Assembly.GetExecutingAssembly().GetManifestResourceStream("exchange-cmdlets.json")!;
        return JsonNode.Parse(stream)!.AsObject();
    }
}
