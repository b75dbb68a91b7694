using System.Management.Automation;
using System.Text.Json.Nodes;
using Mailquench.ExchangeSim.World;
using Microsoft.Exchange.Data;
using Microsoft.Exchange.Data.Directory.Management;

namespace Mailquench.ExchangeSim.Exchange;

/// Component states: entries per requester, in the directory (organisation.json) and in the server's registry (sim/registry.json).
/// A component is active where no requester, in neither place, says otherwise (A2).
static class ComponentStates
{
    static readonly string[] AlwaysInactive = ["ForwardSyncDaemon", "ProvisioningRps"];

    static List<string> Known(Call call) =>
        Catalogue.CmdletCatalogue.Of(call.Context.Version, call.Context.IsEdge).Find("Get-ServerComponentState")!.OutputJson.Texts("components").ToList();

    static string Component(Call call, string asked) => Known(call).FirstOrDefault(name => Permissions.Same(name, asked))
        ?? throw Failure.BadArgument("Component", asked, "there is no such component.");

    public static void Get(Call call)
    {
        JsonObject organisation = call.World.Read();
        string server = Servers.Name(call, organisation, call.Text("Identity"));
        JsonObject remote = organisation["servers"]![server]!.AsObject().Object("components");
        JsonObject local = (Json.ReadFile(call.World.SimFile(server, "registry.json")) as JsonObject ?? []).Object("components");
        JsonObject times = (Json.ReadFile(call.World.SimFile(server, "component-times.json")) as JsonObject ?? []);
        bool offline = Combined("ServerWideOffline", remote, local) != ServiceState.Active;
        foreach (string component in call.Has("Component") ? [Component(call, call.Text("Component")!)] : Known(call))
        {
            var row = new PSObject();
            row.TypeNames.Insert(0, "Microsoft.Exchange.Data.Directory.Management.ServerComponentStatePresentationObject");
            void add(string name, object? value) => row.Properties.Add(new PSNoteProperty(name, value));
            add("ServerFqdn", organisation["servers"]![server]!.AsObject().Text("fqdn") ?? server);
            add("Component", component);
            add("State", offline && component is not ("Monitoring" or "RecoveryActionsEnabled") ? ServiceState.Inactive
                : AlwaysInactive.Contains(component) ? ServiceState.Inactive : Combined(component, remote, local));
            add("ServerWideOfflineIsOffline", offline);
            add("RemoteStates", Entries(component, remote, times, "remote"));
            add("LocalStates", Entries(component, local, times, "local"));
            add("Identity", server);
            add("IsValid", true);
            add("ObjectState", ObjectState.New);
            call.Write(row);
        }
    }

    static ServiceState Combined(string component, JsonObject remote, JsonObject local)
    {
        var all = new[] { remote, local }.SelectMany(place => (place[component] as JsonObject ?? []).Select(pair => pair.Value!.ToString())).ToList();
        return all.Contains("Inactive") ? ServiceState.Inactive : all.Contains("Draining") ? ServiceState.Draining : ServiceState.Active;
    }

    static List<RequesterDetails> Entries(string component, JsonObject place, JsonObject times, string where) =>
        (place[component] as JsonObject ?? []).Select(pair => new RequesterDetails(pair.Key, Enum.Parse<ServiceState>(pair.Value!.ToString(), true),
            DateTime.TryParse(times.Text($"{where}/{component}/{pair.Key}"), null, System.Globalization.DateTimeStyles.RoundtripKind, out DateTime when)
                ? when : new DateTime(2024, 1, 1, 0, 0, 0, DateTimeKind.Utc), component)).ToList();

    public static void Set(Call call)
    {
        call.Confirm();
        string server = Servers.Name(call, call.World.Read(), call.Text("Identity"));
        string component = Component(call, call.Text("Component")!), requester = Exact(call, "Requester"), state = Exact(call, "State");
        if (state == "Draining" && component is not ("HubTransport" or "FrontendTransport" or "UMCallRouter"))
            call.Warn($"The state Draining has no meaning of its own for {component}.");
        if (call.WhatIf) return;
        if (!call.Flag("LocalOnly"))
            call.World.Change(organisation => Put(organisation["servers"]![server]!.AsObject(), component, requester, state));
        if (!call.Flag("RemoteOnly")) Registry(call, server, component, requester, state);
        string file = call.World.SimFile(server, "component-times.json");
        using FileStream _ = WorldFolder.Lock(file + ".lock");
        JsonObject times = Json.ReadFile(file) as JsonObject ?? [];
        foreach (string where in new[] { "remote", "local" }) times[$"{where}/{component}/{requester}"] = DateTime.UtcNow.ToString("o");
        Json.WriteFile(file, times);
    }

    static string Exact(Call call, string parameter)
    {
        string asked = call.Text(parameter)!;
        return call.Spec.Parameters[parameter].Values.FirstOrDefault(value => Permissions.Same(value, asked)) ?? throw Failure.BadArgument(parameter, asked, "it is not known.");
    }

    static void Put(JsonObject place, string component, string requester, string state) =>
        place.Object("components").Object(component)[requester] = state;

    static void Registry(Call call, string server, string component, string requester, string state)
    {
        string file = call.World.SimFile(server, "registry.json");
        using FileStream _ = WorldFolder.Lock(file + ".lock");
        JsonObject registry = Json.ReadFile(file) as JsonObject ?? [];
        Put(registry, component, requester, state);
        Json.WriteFile(file, registry);
    }
}
