using System.Management.Automation;
using System.Text.Json.Nodes;
using Mailquench.ExchangeSim.Shell;
using Mailquench.ExchangeSim.World;

namespace Mailquench.ExchangeSim.Utility;

/// Defender, as far as its settings: sim/defender.json of the server, {"preference": {"ExclusionPath": []}, "status": {...}, "absent": true}.
public abstract class DefenderCmdlet : WindowsCmdlet
{
    string File => Context.World.SimFile(Context.Server, "defender.json");
    internal JsonObject Read()
    {
        JsonObject json = Json.ReadFile(File) as JsonObject ?? [];
        if (json.Bool("absent"))  // Windows Server 2012 R2 and older have none.
            ThrowTerminatingError(new ErrorRecord(new CommandNotFoundException($"The term '{MyInvocation.MyCommand.Name}' is not recognized as the name of a cmdlet."),
                                                  "CommandNotFoundException", ErrorCategory.ObjectNotFound, MyInvocation.MyCommand.Name));
        return json;
    }

    internal void Change(Action<JsonObject> change)
    {
        using FileStream _ = WorldFolder.Lock(File + ".lock");
        JsonObject json = Read();
        change(json.Object("preference"));
        Json.WriteFile(File, json);
    }
}

[Cmdlet("Get", "MpPreference"), LocalCmdlet]
public sealed class GetMpPreference : DefenderCmdlet
{
    protected override void ProcessRecord()
    {
        JsonObject preference = Read().Object("preference");
        var shown = new PSObject();
        // What holds nothing is null, not an empty list.
        foreach (string name in new[] { "ExclusionPath", "ExclusionProcess", "ExclusionExtension" })
            shown.Properties.Add(new PSNoteProperty(name, preference[name] is JsonArray { Count: > 0 } list ? list.Select(item => item!.ToString()).ToArray() : null));
        shown.Properties.Add(new PSNoteProperty("DisableRealtimeMonitoring", preference.Bool("DisableRealtimeMonitoring")));
        WriteObject(shown);
    }
}

public abstract class ChangeMpPreference : DefenderCmdlet
{
    [Parameter] public string[]? ExclusionPath { get; set; }
    [Parameter] public string[]? ExclusionProcess { get; set; }
    [Parameter] public string[]? ExclusionExtension { get; set; }
    [Parameter] public SwitchParameter Force { get; set; }
    private protected abstract bool Adds { get; }

    protected override void ProcessRecord() => Change(preference =>
    {
        foreach (var (name, values) in new[] { ("ExclusionPath", ExclusionPath), ("ExclusionProcess", ExclusionProcess), ("ExclusionExtension", ExclusionExtension) })
        {
            if (values == null) continue;
            var all = preference.Texts(name).ToList();
            all.RemoveAll(one => values.Contains(one, StringComparer.OrdinalIgnoreCase));
            if (Adds) all.AddRange(values);
            preference[name] = new JsonArray(all.Select(one => (JsonNode?)one).ToArray());
        }
    });
}

[Cmdlet("Add", "MpPreference"), LocalCmdlet]
public sealed class AddMpPreference : ChangeMpPreference { private protected override bool Adds => true; }

[Cmdlet("Remove", "MpPreference"), LocalCmdlet]
public sealed class RemoveMpPreference : ChangeMpPreference { private protected override bool Adds => false; }

[Cmdlet("Get", "MpComputerStatus"), LocalCmdlet]
public sealed class GetMpComputerStatus : DefenderCmdlet
{
    protected override void ProcessRecord()
    {
        JsonObject status = Read().Object("status");
        var shown = new PSObject();
        foreach (var (name, value) in new (string, object)[]
                 {
                     ("AMServiceEnabled", true), ("AntivirusEnabled", true), ("RealTimeProtectionEnabled", true), ("AMRunningMode", "Normal"), ("AntivirusSignatureAge", 0u),
                     ("AntivirusSignatureVersion", "1.403.1.0"), ("DefenderSignaturesOutOfDate", false), ("QuickScanAge", 0u), ("FullScanAge", 4294967295u), ("IsTamperProtected", true),
                 })
            shown.Properties.Add(new PSNoteProperty(name, status[name] is JsonValue set ? LanguagePrimitives.ConvertTo(set.ToString(), value.GetType(), null) : value));
        shown.Properties.Add(new PSNoteProperty("AntivirusSignatureLastUpdated", DateTime.Now.AddHours(-3)));
        WriteObject(shown);
    }
}
