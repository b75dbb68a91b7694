using System.Collections;
using System.Management.Automation;
using Mailquench.ExchangeSim.Shell;

namespace Mailquench.ExchangeSim.Utility;

[Cmdlet("Write", "Output"), LocalCmdlet]
public sealed class WriteOutput : PSCmdlet
{
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromRemainingArguments = true), AllowNull, AllowEmptyCollection]
    public PSObject?[]? InputObject { get; set; }
    [Parameter] public SwitchParameter NoEnumerate { get; set; }
    protected override void ProcessRecord()
    {
        if (InputObject == null) WriteObject(null);
        else if (NoEnumerate) WriteObject(InputObject.Length == 1 ? InputObject[0] : InputObject, false);
        else foreach (PSObject? item in InputObject) WriteObject(item, true);
    }
}

[Cmdlet("Write", "Host"), LocalCmdlet]
public sealed class WriteHost : PSCmdlet
{
    [Parameter(Position = 0, ValueFromPipeline = true, ValueFromRemainingArguments = true)] public object? Object { get; set; }
    [Parameter] public SwitchParameter NoNewline { get; set; }
    protected override void ProcessRecord()
    {
        string text = Object is string one ? one : Object is IEnumerable items ? string.Join(' ', items.Cast<object>()) : Object?.ToString() ?? "";
        if (NoNewline) Host.UI.Write(text); else Host.UI.WriteLine(text);
    }
}

[Cmdlet("Write", "Warning"), LocalCmdlet]
public sealed class WriteWarningCmdlet : PSCmdlet
{
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true), AllowEmptyString] public string Message { get; set; } = "";
    protected override void ProcessRecord() => WriteWarning(Message);
}

[Cmdlet("Write", "Error"), LocalCmdlet]
public sealed class WriteErrorCmdlet : PSCmdlet
{
    [Parameter(Position = 0, ValueFromPipeline = true)] public string Message { get; set; } = "";
    [Parameter] public string ErrorId { get; set; } = "";
    [Parameter] public ErrorCategory Category { get; set; }
    protected override void ProcessRecord() => WriteError(new ErrorRecord(new RuntimeException(Message),
        ErrorId.Length == 0 ? "Microsoft.PowerShell.Commands.WriteErrorException" : ErrorId, Category, null));
}

[Cmdlet("Start", "Sleep"), LocalCmdlet]
public sealed class StartSleep : PSCmdlet
{
    [Parameter(Position = 0)] public double Seconds { get; set; }
    [Parameter] public int Milliseconds { get; set; }
    protected override void ProcessRecord() => Thread.Sleep(TimeSpan.FromSeconds(Seconds) + TimeSpan.FromMilliseconds(Milliseconds));
}

[Cmdlet("Get", "Date"), LocalCmdlet]
public sealed class GetDate : PSCmdlet
{
    [Parameter(Position = 0)] public DateTime Date { get; set; } = DateTime.Now;
    [Parameter] public string? Format { get; set; }
    protected override void ProcessRecord() => WriteObject(Format == null ? Date : Date.ToString(Format));
}

[Cmdlet("New", "Object"), LocalCmdlet]
public sealed class NewObject : PSCmdlet
{
    [Parameter(Mandatory = true, Position = 0)] public string TypeName { get; set; } = "";
    [Parameter(Position = 1), Alias("Args")] public object[] ArgumentList { get; set; } = [];
    [Parameter] public IDictionary? Property { get; set; }
    protected override void ProcessRecord()
    {
        PSObject result;
        if (TypeName.ToLowerInvariant() is "psobject" or "psobject" or "system.management.automation.psobject") result = new PSObject();
        else
        {
            if (SessionState.LanguageMode == PSLanguageMode.ConstrainedLanguage)
                ThrowTerminatingError(new ErrorRecord(new PSNotSupportedException("Cannot create type. Only core types are supported in this language mode."),
                                                      "CannotCreateTypeConstrainedLanguage", ErrorCategory.PermissionDenied, null));
            Type type = LanguagePrimitives.ConvertTo<Type>(TypeName);
            result = PSObject.AsPSObject(Activator.CreateInstance(type, ArgumentList.Select(item => item is PSObject one ? one.BaseObject : item).ToArray())!);
        }
        foreach (DictionaryEntry entry in Property ?? new Hashtable())
        {
            if (result.Properties[entry.Key.ToString()!] is { } there) there.Value = entry.Value;
            else result.Properties.Add(new PSNoteProperty(entry.Key.ToString()!, entry.Value));
        }
        WriteObject(result);
    }
}

[Cmdlet("Get", "ExecutionPolicy"), LocalCmdlet]
public sealed class GetExecutionPolicy : PSCmdlet
{
    [Parameter(Position = 0)] public string? Scope { get; set; }
    [Parameter] public SwitchParameter List { get; set; }
    protected override void ProcessRecord()
    {
        string policy = SimContext.Current.ExecutionPolicy;
        if (!List)
        {
            WriteObject(policy);
            return;
        }
        foreach (string scope in new[] { "MachinePolicy", "UserPolicy", "Process", "CurrentUser", "LocalMachine" })
        {
            var row = new PSObject();
            row.Properties.Add(new PSNoteProperty("Scope", scope));
            bool here = scope == (SimContext.Current.Settings.PolicyIsForced ? "MachinePolicy" : "Process");
            row.Properties.Add(new PSNoteProperty("ExecutionPolicy", here ? policy : "Undefined"));
            WriteObject(row);
        }
    }
}

/// Add-Content, as the AssembleMessage filter of Exchange.ps1 uses it.
[Cmdlet("Add", "Content"), LocalCmdlet]
public sealed class AddContent : PSCmdlet
{
    [Parameter(Mandatory = true, Position = 0)] public string Path { get; set; } = "";
    [Parameter(Mandatory = true, Position = 1)] public object Value { get; set; } = "";
    [Parameter] public string Encoding { get; set; } = "Default";
    protected override void ProcessRecord()
    {
        object inner = Value is PSObject wrapped ? wrapped.BaseObject : Value;
        byte[] bytes = inner is byte[] raw ? raw
            : Encoding.Equals("Byte", StringComparison.OrdinalIgnoreCase) ? LanguagePrimitives.ConvertTo<byte[]>(inner)
            : System.Text.Encoding.UTF8.GetBytes(inner + "\r\n");
        try
        {
            using var file = new FileStream(Path, FileMode.Append);
            file.Write(bytes);
        }
        catch (IOException failure)
        {
            WriteError(new ErrorRecord(failure, "GetContentWriterIOError", ErrorCategory.WriteError, Path));
        }
    }
}
