using System.Collections;
using System.Management.Automation;
using Mailquench.ExchangeSim.Catalogue;
using Mailquench.ExchangeSim.Shell;
using Mailquench.ExchangeSim.World;

namespace Mailquench.ExchangeSim.Exchange;

/// What the functions made from the documentation call. Not visible at an endpoint.
[Cmdlet("Invoke", "SimCmdlet"), LocalCmdlet]
public sealed class InvokeSimCmdlet : PSCmdlet
{
    [Parameter(Position = 0)] public string Name { get; set; } = "";
    [Parameter(Position = 1)] public IDictionary Bound { get; set; } = new Hashtable();
    [Parameter] public SwitchParameter Begin { get; set; }

    [Parameter] public string? Denied { get; set; }  // In place of a script that the execution policy forbids.

    protected override void ProcessRecord()
    {
        if (Denied != null)
            ThrowTerminatingError(Failure.WithId(new ErrorRecord(new PSSecurityException(Denied), "UnauthorizedAccess", ErrorCategory.SecurityError, null), "UnauthorizedAccess"));
        SimContext context = SimContext.Current;
        DocumentedCmdlet spec = CmdletCatalogue.Of(context.Version, context.IsEdge).Find(Name)
            ?? throw new SimException($"{Name} is not in the catalogue of {context.Version}");
        try
        {
            if (Begin)
            {
                if (!context.Remote) CallLog.Add(context.World, context.Server, Text(), "snap-in");
                FaultPlay.All(context, this, Name);
                return;
            }
            if (!Behaviours.All.TryGetValue(Name, out Action<Call>? behaviour))
                throw new Failure("NotImplementedException", $"{Name} has no behaviour in this stand-in: tests/exchange_sim/README.md lists what has.",
                                  ErrorCategory.NotImplemented);
            behaviour(new Call(spec, context, Bound, this));
        }
        catch (Failure failure)
        {
            ThrowTerminatingError(failure.Record(Name, context.Server));
        }
    }

    string Text() => Name + string.Concat(Bound.Keys.Cast<string>().Select(key => $" -{key} {Call.Plain(Bound[key])}"));

    // Generated functions give results one by one; a collection is a result, too.
    internal void Emit(object result) => WriteObject(result, enumerateCollection: false);
}
