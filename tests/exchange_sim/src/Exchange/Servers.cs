using System.Management.Automation;
using System.Text.Json.Nodes;
using Mailquench.ExchangeSim.World;
using Microsoft.Exchange.Data;
using Microsoft.Exchange.Data.Directory.SystemConfiguration;

namespace Mailquench.ExchangeSim.Exchange;

/// Servers, and what is one object of each.
static class Servers
{
    /// The name of the server that is asked for by name, FQDN or its own object.
    public static string Name(Call call, JsonObject organisation, string? asked)
    {
        foreach (var (name, node) in organisation["servers"]!.AsObject())
            if (asked != null && (Permissions.Same(asked, name) || Permissions.Same(asked, node!.AsObject().Text("fqdn") ?? ""))) return name;
        throw Failure.NotFound(asked ?? "", call.DomainController);
    }

    public static void Get(Call call)
    {
        JsonObject organisation = call.World.Read();
        string? asked = call.Text("Identity");
        if (!string.IsNullOrEmpty(asked) && !asked.Contains('*'))
        {
            call.Write(Show(call, organisation, Name(call, organisation, asked)));
            return;
        }
        foreach (var (name, _) in organisation["servers"]!.AsObject())
            if (string.IsNullOrEmpty(asked) || new WildcardPattern(asked, WildcardOptions.IgnoreCase).IsMatch(name)) call.Write(Show(call, organisation, name));
    }

    static PSObject Show(Call call, JsonObject organisation, string name)
    {
        JsonObject server = organisation["servers"]![name]!.AsObject();
        bool edge = server.Text("role") == "Edge";
        string fqdn = server.Text("fqdn") ?? name, domain = fqdn[(fqdn.IndexOf('.') + 1)..];
        Version.TryParse(server.Text("build") ?? "15.2.1544.4", out Version? build);
        var values = new Dictionary<string, object?>
        {
            ["Name"] = name, ["Fqdn"] = fqdn, ["Domain"] = domain, ["Edition"] = "Standard", ["IsHubTransportServer"] = !edge, ["IsClientAccessServer"] = !edge,
            ["IsExchange2007OrLater"] = true, ["IsEdgeServer"] = edge, ["IsMailboxServer"] = !edge, ["IsE14OrLater"] = true, ["IsE15OrLater"] = true,
            ["IsFrontendTransportServer"] = !edge, ["IsProvisionedServer"] = false, ["IsUnifiedMessagingServer"] = false,
            ["AdminDisplayVersion"] = new ServerVersion(build ?? new Version(15, 2, 1544, 4)), ["ServerRole"] = edge ? ServerRole.Edge : ServerRole.Mailbox,
            ["Site"] = edge ? null : $"{domain}/Configuration/Sites/{server.Text("site") ?? "Default-First-Site-Name"}", ["MitigationsEnabled"] = !edge,
            ["OrganizationalUnit"] = $"{domain}/{name}", ["DataPath"] = new LocalLongFullPath(call.World.ServerFolder(name)), ["CustomerFeedbackEnabled"] = false,
            ["ErrorReportingEnabled"] = false, ["IsExchangeTrialEdition"] = false, ["DistinguishedName"] = Names.Distinguished(call, "Server", name),
            ["Guid"] = Names.Guid("Server", name), ["Identity"] = name, ["Id"] = name, ["IsValid"] = true, ["ObjectState"] = ObjectState.Unchanged,
            ["ExchangeVersion"] = "0.1 (8.0.535.0)", ["OriginatingServer"] = call.DomainController,
        };
        var row = new PSObject();
        row.TypeNames.Insert(0, "Microsoft.Exchange.Data.Directory.Management.ExchangeServer");
        foreach (string property in call.Spec.Output) row.Properties.Add(new PSNoteProperty(property, values.GetValueOrDefault(property)));
        row.Methods.Add(new PSScriptMethod("ToString", ScriptBlock.Create("$this.Name")));
        return row;
    }

    /// The transport service of each server is one object, stored at the server.
    public static Generic PerServer(string noun, string type, string key, bool onEdge) => new(new Kind(noun, type, _ => throw new InvalidOperationException()))
    {
        Where = (call, organisation) => Services(organisation, key, onEdge),
    };

    static IEnumerable<JsonObject> Services(JsonObject organisation, string key, bool onEdge)
    {
        foreach (var (name, node) in organisation["servers"]!.AsObject())
        {
            if (!onEdge && node!.AsObject().Text("role") == "Edge") continue;
            JsonObject service = node!.AsObject().Object(key);
            service["Name"] = name;
            yield return service;
        }
    }

    /// Name and Guid of the organisation; its page documents no output.
    public static void OrganizationConfig(Call call)
    {
        JsonObject organisation = call.World.Read();
        var row = new PSObject();
        row.TypeNames.Insert(0, "Microsoft.Exchange.Data.Directory.Management.OrganizationConfig");
        row.Properties.Add(new PSNoteProperty("Name", organisation.Text("name")));
        row.Properties.Add(new PSNoteProperty("Identity", organisation.Text("name")));
        row.Properties.Add(new PSNoteProperty("Guid", Guid.Parse(organisation.Text("guid") ?? Guid.Empty.ToString())));
        row.Properties.Add(new PSNoteProperty("IsValid", true));
        call.Write(row);
    }

    public static void Dags(Call call)
    {
        string? asked = call.Text("Identity");
        var all = (call.World.Read()["dags"] as JsonArray ?? []).OfType<JsonObject>().Where(dag => string.IsNullOrEmpty(asked) || Permissions.Same(asked, dag.Text("Name")!)).ToList();
        if (all.Count == 0 && !string.IsNullOrEmpty(asked)) throw Failure.NotFound(asked, call.DomainController);
        foreach (JsonObject dag in all)
        {
            var row = new PSObject();
            row.TypeNames.Insert(0, "Microsoft.Exchange.Data.Directory.SystemConfiguration.DatabaseAvailabilityGroup");
            row.Properties.Add(new PSNoteProperty("Name", dag.Text("Name")));
            row.Properties.Add(new PSNoteProperty("Servers", new MultiValuedProperty<string>(dag.Texts("Servers"))));
            row.Properties.Add(new PSNoteProperty("Identity", dag.Text("Name")));
            row.Properties.Add(new PSNoteProperty("Guid", Names.Guid("Dag", dag.Text("Name")!)));
            row.Properties.Add(new PSNoteProperty("IsValid", true));
            call.Write(row);
        }
    }
}
