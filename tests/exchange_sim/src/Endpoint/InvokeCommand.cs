using System.Management.Automation;
using System.Management.Automation.Runspaces;
using Mailquench.ExchangeSim.Shell;
using Mailquench.ExchangeSim.World;

namespace Mailquench.ExchangeSim.Endpoint;

using PowerShell = System.Management.Automation.PowerShell;

/// Invoke-Command against an endpoint without a language; without -Session it runs the block here.
[Cmdlet("Invoke", "Command", DefaultParameterSetName = "InProcess"), LocalCmdlet]
public sealed class InvokeCommand : PSCmdlet
{
    [Parameter(ParameterSetName = "Session", Position = 0)] public PSObject[] Session { get; set; } = [];
    [Parameter(Mandatory = true, ParameterSetName = "InProcess", Position = 0)]
    [Parameter(Mandatory = true, ParameterSetName = "Session", Position = 1)]
    [Alias("Command")] public ScriptBlock ScriptBlock { get; set; } = null!;
    [Parameter, Alias("Args")] public object[] ArgumentList { get; set; } = [];
    [Parameter(ParameterSetName = "Session")] public SwitchParameter HideComputerName { get; set; }
    [Parameter(ParameterSetName = "Session")] public int ThrottleLimit { get; set; }
    [Parameter(ValueFromPipeline = true)] public PSObject? InputObject { get; set; }

    protected override void EndProcessing()
    {
        if (ParameterSetName == "InProcess")
        {
            WriteObject(ScriptBlock.Invoke(ArgumentList), enumerateCollection: true);
            return;
        }
        foreach (PSObject item in Session)
        {
            if (item?.BaseObject is SimSession session) Run(session);
            else ThrowTerminatingError(new ErrorRecord(new ParameterBindingException("Cannot bind parameter 'Session': it is not a PSSession."),
                                                       "CannotConvertArgumentNoMessage", ErrorCategory.InvalidArgument, item));
        }
    }

    void Run(SimSession session)
    {
        if (session.State != RunspaceState.Opened)
        {
            WriteError(new ErrorRecord(new InvalidRunspaceStateException(
                $"Because the session state for session {session.Name}, {session.InstanceId}, {session.ComputerName} is not equal to Open, you cannot " +
                $"run a command in the session. The session state is {session.State}."), "InvalidSessionState", ErrorCategory.InvalidOperation, session));
            return;
        }
        string text = ScriptBlock.ToString().Trim(), outcome = "ok";
        Runspace own = Runspace.DefaultRunspace;
        PowerShell? shell = Convert(session, text, ref outcome);
        if (shell == null) return;
        try
        {
            shell.Runspace = session.Runspace;
            Runspace.DefaultRunspace = session.Runspace;
            List<PSObject> results = [];
            try { results.AddRange(shell.Invoke()); }
            catch (RuntimeException failure) { shell.Streams.Error.Add(failure.ErrorRecord); }
            finally { Runspace.DefaultRunspace = own; }
            if (shell.Streams.Error.Count > 0) outcome = shell.Streams.Error[^1].FullyQualifiedErrorId;
            Answer(session, shell, results);
            if (session.Context.Dropped) Drop(session);
        }
        finally
        {
            CallLog.Add(session.Context.World, session.Context.Server, text, outcome);
            shell.Dispose();
        }
    }

    // What is no literal pipeline is sent as it is written, and refused over there.
    PowerShell? Convert(SimSession session, string text, ref string outcome)
    {
        try
        {
            NewerSyntax.Check(text, out _);  // A block made at run time was not seen when the script began.
            return ScriptBlock.GetPowerShell(ArgumentList);
        }
        catch (Exception failure) when (failure is ScriptBlockToPowerShellNotSupportedException or RuntimeException)
        {
            string why = (failure as RuntimeException)?.ErrorRecord.FullyQualifiedErrorId ?? failure.Message;
            outcome = "ScriptsNotAllowed: " + why;
            CallLog.Add(session.Context.World, session.Context.Server, text, outcome);
            var record = new ErrorRecord(new PSNotSupportedException(
                "The syntax is not supported by this runspace. This can occur if the runspace is in no-language mode. (" + why + ")"),
                "ScriptsNotAllowed", ErrorCategory.ParserError, null);
            WriteError(Crossing.Error(record, session));
            return null;
        }
    }

    void Answer(SimSession session, PowerShell shell, List<PSObject> results)
    {
        foreach (WarningRecord warning in shell.Streams.Warning) WriteWarning(warning.Message);
        if (session.Context.Dropped) return;
        foreach (PSObject result in results) WriteObject(Crossing.Object(result, session, !HideComputerName));
        foreach (ErrorRecord error in shell.Streams.Error) WriteError(Crossing.Error(error, session));
    }

    void Drop(SimSession session)
    {
        session.End(RunspaceState.Broken);
        WriteError(new ErrorRecord(new System.Management.Automation.Remoting.PSRemotingTransportException(
            $"Processing data from remote server {session.ComputerName} failed with the following error message: The I/O operation has been aborted " +
            "because of either a thread exit or an application request."), "JobFailure", ErrorCategory.OpenError, session.ComputerName));
    }
}
