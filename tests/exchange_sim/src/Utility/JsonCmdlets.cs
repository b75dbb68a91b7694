using System.Management.Automation;
using System.Text.Json;
using Mailquench.ExchangeSim.Shell;

namespace Mailquench.ExchangeSim.Utility;

[Cmdlet("ConvertTo", "Json"), LocalCmdlet]
public sealed class ConvertToJson : PSCmdlet
{
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true), AllowNull] public object? InputObject { get; set; }
    [Parameter, ValidateRange(1, 100)] public int Depth { get; set; } = 2;
    [Parameter] public SwitchParameter Compress { get; set; }
    readonly List<object?> inputs = [];

    protected override void ProcessRecord() => inputs.Add(InputObject);

    // One that was piped is an object, more are an array: nobody can tell an array of one by its JSON.
    protected override void EndProcessing()
    {
        if (inputs.Count == 0) return;
        WriteObject(JsonText51.Of(inputs.Count == 1 ? inputs[0] : inputs, Depth, Compress));
    }
}

[Cmdlet("ConvertFrom", "Json"), LocalCmdlet]
public sealed class ConvertFromJson : PSCmdlet
{
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true), AllowEmptyString] public string InputObject { get; set; } = "";
    readonly List<string> inputs = [];

    protected override void ProcessRecord() => inputs.Add(InputObject);

    protected override void EndProcessing()
    {
        if (inputs.Count == 0) return;
        try
        {
            using JsonDocument document = JsonDocument.Parse(string.Join("\n", inputs));
            WriteObject(From(document.RootElement));  // An array is one object in 5.1: it is not enumerated.
        }
        catch (JsonException failure)
        {
            ThrowTerminatingError(new ErrorRecord(new ArgumentException("Invalid JSON primitive: " + failure.Message),
                "System.ArgumentException,Microsoft.PowerShell.Commands.ConvertFromJsonCommand", ErrorCategory.NotSpecified, null));
        }
    }

    static object? From(JsonElement json)
    {
        switch (json.ValueKind)
        {
            case JsonValueKind.Object:
                var bag = new PSObject();
                foreach (JsonProperty property in json.EnumerateObject())
                {
                    bag.Properties.Remove(property.Name);
                    bag.Properties.Add(new PSNoteProperty(property.Name, From(property.Value)));
                }
                return bag;
            case JsonValueKind.Array: return json.EnumerateArray().Select(From).ToArray();
            case JsonValueKind.String: return json.GetString();
            case JsonValueKind.True: return true;
            case JsonValueKind.False: return false;
            case JsonValueKind.Number:
                if (json.TryGetInt32(out int small)) return small;
                if (json.TryGetInt64(out long large)) return large;
                if (json.TryGetDecimal(out decimal precise)) return precise;
                return json.GetDouble();
            default: return null;
        }
    }
}
