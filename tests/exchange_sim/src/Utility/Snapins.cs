using System.Management.Automation;
using System.Text;
using Mailquench.ExchangeSim.Catalogue;
using Mailquench.ExchangeSim.Exchange;
using Mailquench.ExchangeSim.Shell;

namespace Mailquench.ExchangeSim.Utility;

/// The snap-in makes the cmdlets visible here, with live objects and without RBAC.
[Cmdlet("Add", "PSSnapin"), LocalCmdlet]
public sealed class AddSnapin : PSCmdlet
{
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true)] public string[] Name { get; set; } = [];
    [Parameter] public SwitchParameter PassThru { get; set; }
    internal static readonly HashSet<string> Loaded = new(StringComparer.OrdinalIgnoreCase);
    internal const string Exchange = "Microsoft.Exchange.Management.PowerShell.SnapIn";
    internal static readonly string[] Known = [Exchange, "Microsoft.Forefront.Filtering.Management.PowerShell"];

    protected override void ProcessRecord()
    {
        foreach (string name in Name)
        {
            if (!Known.Contains(name, StringComparer.OrdinalIgnoreCase))
                WriteError(new ErrorRecord(new PSArgumentException($"The Windows PowerShell snap-in '{name}' is not installed on this computer."),
                    "AddPSSnapInRead", ErrorCategory.InvalidArgument, name));
            else if (!Loaded.Add(name))
                WriteError(new ErrorRecord(new PSArgumentException($"Cannot add Windows PowerShell snap-in {name} because it is already added. Verify the name of the snap-in and try again."),
                    "AddPSSnapInRead", ErrorCategory.InvalidArgument, name));
            else if (name.Equals(Exchange, StringComparison.OrdinalIgnoreCase)) Load();
        }
    }

    void Load()
    {
        SimContext context = SimContext.Current;
        var text = new StringBuilder();
        foreach (DocumentedCmdlet cmdlet in CmdletCatalogue.Of(context.Version, context.IsEdge).Cmdlets)
            text.Append("function global:").Append(cmdlet.Name).Append('{').Append(FunctionText.Body(cmdlet, new ShellSettings())).Append("}\n");
        InvokeCommand.InvokeScript(text.ToString());
    }
}

[Cmdlet("Get", "PSSnapin"), LocalCmdlet]
public sealed class GetSnapin : PSCmdlet
{
    [Parameter(Position = 0)] public string[]? Name { get; set; }
    [Parameter] public SwitchParameter Registered { get; set; }
    protected override void ProcessRecord()
    {
        foreach (string name in Registered ? AddSnapin.Known : AddSnapin.Loaded.ToArray())
        {
            if (Name != null && !Name.Any(asked => new WildcardPattern(asked, WildcardOptions.IgnoreCase).IsMatch(name))) continue;
            var row = new PSObject();
            row.Properties.Add(new PSNoteProperty("Name", name));
            row.Properties.Add(new PSNoteProperty("PSVersion", new Version(1, 0)));
            WriteObject(row);
        }
    }
}
