using System.Management.Automation;
using System.Text.Json.Nodes;
using Mailquench.ExchangeSim.Shell;
using Mailquench.ExchangeSim.World;

namespace Mailquench.ExchangeSim.Utility;

public enum FirewallDirection { Inbound = 1, Outbound = 2 }
public enum FirewallAction { NotConfigured = 0, Allow = 2, Block = 4 }
public enum FirewallEnabled { True = 1, False = 2 }

/// Rules are stored in organisation.json, servers.NAME.firewall, where the transport of that server obeys them.
public abstract class FirewallCmdlet : WindowsCmdlet
{
    internal JsonArray Stored(JsonObject organisation) => organisation["servers"]![Context.Server]!.AsObject().Array("firewall");

    // As a real one: the program is not a property of the rule, but of its application filter.
    internal static PSObject Show(JsonObject rule)
    {
        var shown = new PSObject();
        shown.TypeNames.Insert(0, "Microsoft.Management.Infrastructure.CimInstance#root/standardcimv2/MSFT_NetFirewallRule");
        void add(string name, object? value) => shown.Properties.Add(new PSNoteProperty(name, value));
        add("Name", rule.Text("Name") ?? rule.Text("DisplayName"));
        add("DisplayName", rule.Text("DisplayName"));
        add("Description", rule.Text("Description"));
        add("Group", rule.Text("Group"));
        add("Enabled", rule.Bool("Enabled", true) ? FirewallEnabled.True : FirewallEnabled.False);
        add("Profile", "Any");
        add("Direction", Enum.Parse<FirewallDirection>(rule.Text("Direction") ?? "Inbound", true));
        add("Action", Enum.Parse<FirewallAction>(rule.Text("Action") ?? "Allow", true));
        add("PrimaryStatus", "OK");
        return shown;
    }

    internal static bool Matches(JsonObject rule, string key, string[]? wanted) => wanted == null || wanted.Any(one =>
        new WildcardPattern(one, WildcardOptions.IgnoreCase).IsMatch(rule.Text(key) ?? (key == "Name" ? rule.Text("DisplayName") ?? "" : "")));

    internal void Missing(string key, string[]? wanted)
    {
        foreach (string one in wanted ?? [])
            if (!one.Contains('*'))
                Fail($"CmdletizationQuery_NotFound_{key},{MyInvocation.MyCommand.Name}",
                     $"No MSFT_NetFirewallRule objects found with property '{key}' equal to '{one}'.  Verify the value of the property and retry.", ErrorCategory.ObjectNotFound, one);
    }
}

[Cmdlet("New", "NetFirewallRule"), LocalCmdlet]
public sealed class NewFirewallRule : FirewallCmdlet
{
    [Parameter, Alias("ID")] public string? Name { get; set; }
    [Parameter(Mandatory = true)] public string DisplayName { get; set; } = "";
    [Parameter] public string? Description { get; set; }
    [Parameter] public string? Group { get; set; }
    [Parameter] public FirewallEnabled Enabled { get; set; } = FirewallEnabled.True;
    [Parameter] public FirewallDirection Direction { get; set; } = FirewallDirection.Inbound;
    [Parameter] public FirewallAction Action { get; set; } = FirewallAction.Allow;
    [Parameter] public string? Program { get; set; }
    [Parameter] public string? Protocol { get; set; }
    [Parameter] public string[]? LocalPort { get; set; }
    [Parameter] public string[]? RemotePort { get; set; }
    [Parameter] public string[]? LocalAddress { get; set; }
    [Parameter] public string[]? RemoteAddress { get; set; }
    [Parameter] public string? Profile { get; set; }

    protected override void ProcessRecord()
    {
        if ((LocalPort != null || RemotePort != null) && !(Protocol ?? "").ToUpperInvariant().StartsWith("TCP") && !(Protocol ?? "").ToUpperInvariant().StartsWith("UDP"))
        {
            Fail("HRESULT 0x80070057,New-NetFirewallRule", "The parameter is incorrect: ports need -Protocol TCP or UDP.", ErrorCategory.InvalidArgument, DisplayName);
            return;
        }
        Context.World.Change(organisation =>
        {
            JsonArray all = Stored(organisation);
            if (Name != null && all.OfType<JsonObject>().Any(rule => Name.Equals(rule.Text("Name"), StringComparison.OrdinalIgnoreCase)))
            {
                Fail("Windows System Error 183,New-NetFirewallRule", "Cannot create a file when that file already exists.", ErrorCategory.ResourceExists, Name);
                return;
            }
            var rule = new JsonObject
            {
                ["Name"] = Name ?? "{" + Guid.NewGuid() + "}", ["DisplayName"] = DisplayName, ["Program"] = Program, ["Direction"] = Direction.ToString(),
                ["Action"] = Action.ToString(), ["Enabled"] = Enabled == FirewallEnabled.True, ["Protocol"] = Protocol, ["Description"] = Description, ["Group"] = Group,
                ["RemotePort"] = RemotePort == null ? null : new JsonArray(RemotePort.Select(port => (JsonNode?)port).ToArray()),
                ["LocalPort"] = LocalPort == null ? null : new JsonArray(LocalPort.Select(port => (JsonNode?)port).ToArray()),
            };
            foreach (var (key, _) in rule.Where(pair => pair.Value == null).ToList()) rule.Remove(key);
            all.Add(rule);
            WriteObject(Show(rule));
        });
    }
}

[Cmdlet("Get", "NetFirewallRule"), LocalCmdlet]
public sealed class GetFirewallRule : FirewallCmdlet
{
    [Parameter(Position = 0)] public string[]? Name { get; set; }
    [Parameter] public string[]? DisplayName { get; set; }
    [Parameter] public string[]? Group { get; set; }
    [Parameter] public SwitchParameter All { get; set; }

    protected override void ProcessRecord()
    {
        var found = Stored(Context.World.Read()).OfType<JsonObject>()
            .Where(rule => Matches(rule, "Name", Name) && Matches(rule, "DisplayName", DisplayName) && Matches(rule, "Group", Group)).ToList();
        foreach (JsonObject rule in found) WriteObject(Show(rule));
        if (found.Count > 0) return;
        Missing("InstanceID", Name);
        Missing("DisplayName", DisplayName);
    }
}

[Cmdlet("Get", "NetFirewallApplicationFilter"), LocalCmdlet]
public sealed class GetFirewallApplicationFilter : FirewallCmdlet
{
    [Parameter(Mandatory = true, ValueFromPipeline = true)] public PSObject AssociatedNetFirewallRule { get; set; } = null!;

    protected override void ProcessRecord()
    {
        string? name = AssociatedNetFirewallRule.Properties["Name"]?.Value?.ToString();
        foreach (JsonObject rule in Stored(Context.World.Read()).OfType<JsonObject>())
        {
            if ((rule.Text("Name") ?? rule.Text("DisplayName")) != name) continue;
            var shown = new PSObject();
            shown.Properties.Add(new PSNoteProperty("Program", rule.Text("Program") ?? "Any"));
            shown.Properties.Add(new PSNoteProperty("InstanceID", name));
            WriteObject(shown);
        }
    }
}

[Cmdlet("Remove", "NetFirewallRule"), LocalCmdlet]
public sealed class RemoveFirewallRule : FirewallCmdlet
{
    [Parameter(Position = 0, ValueFromPipelineByPropertyName = true)] public string[]? Name { get; set; }
    [Parameter] public string[]? DisplayName { get; set; }
    [Parameter] public SwitchParameter Confirm { get; set; }

    protected override void ProcessRecord() => Context.World.Change(organisation =>
    {
        if (Name == null && DisplayName == null)
        {
            Fail("ParameterSet,Remove-NetFirewallRule", "Which rules are to be removed is not said.", ErrorCategory.InvalidArgument, null);
            return;
        }
        JsonArray all = Stored(organisation);
        var found = all.OfType<JsonObject>().Where(rule => Matches(rule, "Name", Name) && Matches(rule, "DisplayName", DisplayName)).ToList();
        foreach (JsonObject rule in found) all.Remove(rule);
        if (found.Count > 0) return;
        Missing("InstanceID", Name);
        Missing("DisplayName", DisplayName);
    });
}
