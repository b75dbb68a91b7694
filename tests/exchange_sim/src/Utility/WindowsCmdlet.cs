using System.Management.Automation;
using Mailquench.ExchangeSim.Exchange;
using Mailquench.ExchangeSim.Shell;

namespace Mailquench.ExchangeSim.Utility;

/// One of Windows' own cmdlets, which faults can fall on, too.
public abstract class WindowsCmdlet : PSCmdlet
{
    internal SimContext Context => SimContext.Current;
    string Own => MyInvocation.MyCommand.Name;

    protected override void BeginProcessing()
    {
        try { FaultPlay.All(Context, this, Own); }
        catch (Failure failure) { ThrowTerminatingError(failure.Record(Own, Context.Server)); }
    }

    protected void Fail(string id, string text, ErrorCategory category, object? target) =>
        WriteError(Failure.WithId(new ErrorRecord(new InvalidOperationException(text), id, category, target), id));
}
