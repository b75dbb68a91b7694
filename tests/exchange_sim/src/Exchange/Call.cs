using System.Collections;
using System.Management.Automation;
using System.Text.Json.Nodes;
using Mailquench.ExchangeSim.Catalogue;
using Mailquench.ExchangeSim.Shell;
using Mailquench.ExchangeSim.World;

namespace Mailquench.ExchangeSim.Exchange;

/// One cmdlet with what was bound to it, and where its answers go.
sealed class Call(DocumentedCmdlet spec, SimContext context, IDictionary bound, InvokeSimCmdlet output)
{
    public DocumentedCmdlet Spec => spec;
    public string Name => spec.Name;
    public SimContext Context => context;
    public WorldFolder World => context.World;
    public string Server => context.Server;
    public IEnumerable<string> BoundNames => bound.Keys.Cast<string>();

    public bool Has(string parameter) => bound.Contains(parameter);
    public object? Value(string parameter) => bound[parameter] is PSObject wrapped && wrapped.BaseObject is not PSCustomObject ? wrapped.BaseObject : bound[parameter];
    public string? Text(string parameter) => Plain(bound[parameter]);
    public bool Flag(string parameter, bool otherwise = false) => Value(parameter) switch
    {
        bool flag => flag,
        SwitchParameter flag => flag.IsPresent,
        null => otherwise,
        var other => throw Failure.BadArgument(parameter, other, "it is not a Boolean"),
    };
    public List<string> Texts(string parameter) => bound[parameter] is null ? [] : List(bound[parameter]).ToList();

    /// Text of an identity: of an object that came by the pipeline, its Identity.
    public static string? Plain(object? value) => value switch
    {
        null => null,
        PSObject { BaseObject: PSCustomObject } thing => Plain(thing.Properties["Identity"]?.Value ?? thing.Properties["Name"]?.Value),
        PSObject { BaseObject: string text } => text,
        _ => LanguagePrimitives.ConvertTo<string>(value),
    };

    static IEnumerable<string> List(object? value)
    {
        object? inner = value is PSObject wrapped && wrapped.BaseObject is not PSCustomObject ? wrapped.BaseObject : value;
        if (inner is string or null) return inner == null ? [] : [(string)inner];
        if (inner is IEnumerable items and not IDictionary) return items.Cast<object?>().Select(item => Plain(item) ?? "");
        return [Plain(value) ?? ""];
    }

    public void Write(object result) => output.Emit(result);
    public void Warn(string text) => output.WriteWarning(text);
    public void Error(Failure failure) => output.WriteError(failure.Record(Name, Server));
    public bool WhatIf => Flag("WhatIf");
    public string DomainController => "dc1." + (Fqdn().Contains('.') ? Fqdn()[(Fqdn().IndexOf('.') + 1)..] : "contoso.test");
    public string Fqdn() => World.Read()["servers"]?[Server]?.AsObject().Text("fqdn") ?? Server;

    /// Where the cmdlet asks by default, or was told to ask: nobody is there to answer.
    public void Confirm()
    {
        bool asks = Has("Confirm") ? Flag("Confirm") : Confirmation.AsksByDefault(Name) && !Flag("Force");
        if (asks && !WhatIf) throw Confirmation.Failed(Name);
    }
}

static class Confirmation
{
    // "Destructive cmdlets (for example, Remove-*) have a built-in pause." Which others have one is not documented cmdlet by
    // cmdlet: all that stop, move or release mail count as such here, so that a missing -Confirm:$false is seen.
    static readonly string[] Verbs = ["Remove", "Suspend", "Resume", "Retry", "Redirect", "Disable", "Export"];

    public static bool AsksByDefault(string cmdlet) => Verbs.Contains(cmdlet.Split('-')[0], StringComparer.OrdinalIgnoreCase);

    public static Failure Failed(string cmdlet) => new("PSInvalidOperationException",
        $"{cmdlet}: Windows PowerShell is in NonInteractive mode. Read and Prompt functionality is not available.", ErrorCategory.InvalidOperation);
}
