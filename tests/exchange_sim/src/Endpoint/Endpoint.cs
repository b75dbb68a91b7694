using System.Management.Automation;
using System.Management.Automation.Runspaces;
using Mailquench.ExchangeSim.Catalogue;
using Mailquench.ExchangeSim.Exchange;
using Mailquench.ExchangeSim.Shell;

namespace Mailquench.ExchangeSim.Endpoint;

/// A runspace without a language, with the cmdlets of one server's version that the account may see.
static class Endpoint
{
    public static Runspace Open(SimContext context)
    {
        InitialSessionState state = InitialSessionState.Create();
        state.LanguageMode = PSLanguageMode.NoLanguage;
        state.Commands.Add(new SessionStateCmdletEntry("Invoke-SimCmdlet", typeof(InvokeSimCmdlet), null) { Visibility = SessionStateEntryVisibility.Private });
        foreach (DocumentedCmdlet cmdlet in Visible(context))
            state.Commands.Add(new SessionStateFunctionEntry(cmdlet.Name, FunctionText.Body(cmdlet, context.Settings)));
        Runspace runspace = RunspaceFactory.CreateRunspace(new ConsoleHost(endpoint: true), state);
        runspace.Open();
        SimContext.Attach(runspace, context);
        return runspace;
    }

    static IEnumerable<DocumentedCmdlet> Visible(SimContext context) =>
        CmdletCatalogue.Of(context.Version, context.IsEdge).Cmdlets
            .Where(cmdlet => context.Settings.Roles == null || context.Settings.Roles.Contains(cmdlet.Name));
}
