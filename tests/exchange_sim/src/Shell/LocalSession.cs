using System.Management.Automation;
using System.Management.Automation.Language;
using System.Management.Automation.Runspaces;
using System.Reflection;
using Mailquench.ExchangeSim.Endpoint;

namespace Mailquench.ExchangeSim.Shell;

/// The session that the script of powershell.exe runs in: the engine's own commands, with those of 5.1 in their place.
static class LocalSession
{
    // What 5.1 lacks, or what is written here since the engine's own would reach for a network.
    static readonly string[] Removed =
    [
        "New-PSSession", "Remove-PSSession", "Get-PSSession", "Invoke-Command", "Enter-PSSession", "Exit-PSSession", "Connect-PSSession",
        "Disconnect-PSSession", "Receive-PSSession", "Enter-PSHostProcess", "Exit-PSHostProcess", "Get-PSHostProcessInfo",
        "Switch-Process", "Get-PSSubsystem", "Enable-ExperimentalFeature", "Disable-ExperimentalFeature", "Get-ExperimentalFeature",
    ];

    public static Runspace Open(ConsoleHost host, SimContext context)
    {
        InitialSessionState state = InitialSessionState.CreateDefault2();
        // One that lets everything pass: the engine's own would ask the policy of the Windows below, and Policy is the one that counts.
        state.AuthorizationManager = new AuthorizationManager("Mailquench.ExchangeSim");
        foreach (string name in Removed) state.Commands.Remove(name, null);
        foreach (var (name, type) in Cmdlets.Local) state.Commands.Add(new SessionStateCmdletEntry(name, type, null));
        state.Commands.Add(new SessionStateAliasEntry("asnp", "Add-PSSnapin"));
        Runspace runspace = RunspaceFactory.CreateRunspace(host, state);
        runspace.Open();
        Runspace.DefaultRunspace = runspace;
        SimContext.Attach(runspace, context);
        PretendedVersion.Tell(runspace);
        runspace.SessionStateProxy.InvokeCommand.PostCommandLookupAction = (_, found) => Policy.Check(context, found);
        if (Enum.TryParse(context.Settings.LanguageMode, true, out PSLanguageMode mode))
            runspace.SessionStateProxy.LanguageMode = mode;
        return runspace;
    }
}

/// The execution policy holds for script files alone; all files of the simulated Exchange count as signed by nobody. (The engine's
/// own place for this, AuthorizationManager, asks on Windows only.)
static class Policy
{
    public static void Check(SimContext context, CommandLookupEventArgs found)
    {
        if (found.Command is not ExternalScriptInfo script || context.ExecutionPolicy is not ("Restricted" or "AllSigned")) return;
        string why = context.ExecutionPolicy == "Restricted" ? "running scripts is disabled on this system" : "it is not digitally signed";
        // What is thrown here is lost.
        found.CommandScriptBlock = ScriptBlock.Create($"Invoke-SimCmdlet -Denied '{CodeGeneration.EscapeSingleQuotedStringContent($"File {script.Definition} cannot be loaded because {why}.")}'");
    }
}

static class Cmdlets
{
    /// All cmdlets of this program that carry [LocalCmdlet].
    public static readonly IReadOnlyList<(string Name, Type Type)> Local =
        Assembly.GetExecutingAssembly().GetTypes()
            .Where(type => type.GetCustomAttribute<LocalCmdletAttribute>() != null)
            .Select(type => (Attribute: type.GetCustomAttribute<CmdletAttribute>()!, Type: type))
            .Select(pair => ($"{pair.Attribute.VerbName}-{pair.Attribute.NounName}", pair.Type)).ToList();
}

/// Visible in the local session.
[AttributeUsage(AttributeTargets.Class)]
sealed class LocalCmdletAttribute : Attribute;
