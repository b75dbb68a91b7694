using System.Collections;
using System.Management.Automation;
using Mailquench.ExchangeSim.Shell;

namespace Mailquench.ExchangeSim.Utility;

/// A property by its name, by a pattern, or calculated: @{ Name = 'X'; Expression = { ... } }.
sealed class Selected
{
    readonly string? pattern;
    readonly string? label;
    readonly ScriptBlock? expression;

    public Selected(object given)
    {
        object inner = given is PSObject wrapped ? wrapped.BaseObject : given;
        if (inner is ScriptBlock block) (expression, label) = (block, block.ToString().Trim());
        else if (inner is IDictionary map)
        {
            foreach (DictionaryEntry entry in map)
            {
                string key = entry.Key.ToString()!;
                object? value = entry.Value is PSObject one ? one.BaseObject : entry.Value;
                if ("Name".StartsWith(key, StringComparison.OrdinalIgnoreCase) || "Label".StartsWith(key, StringComparison.OrdinalIgnoreCase)) label = value?.ToString();
                else if (value is ScriptBlock script) expression = script;
                else pattern = value?.ToString();
            }
            label ??= pattern ?? expression?.ToString().Trim();
        }
        else pattern = inner.ToString();
    }

    public IEnumerable<(string Name, object? Value)> Of(PSObject thing)
    {
        if (expression != null)
        {
            var results = expression.InvokeWithContext(null, [new PSVariable("_", thing)]);
            yield return (label!, results.Count == 0 ? null : results.Count == 1 ? results[0] : results.ToArray());
        }
        else if (WildcardPattern.ContainsWildcardCharacters(pattern!))
        {
            var wildcard = new WildcardPattern(pattern!, WildcardOptions.IgnoreCase);
            foreach (PSPropertyInfo property in thing.Properties)
                if (wildcard.IsMatch(property.Name)) yield return (property.Name, property.Value);
        }
        else yield return (label ?? thing.Properties[pattern!]?.Name ?? pattern!, thing.Properties[pattern!]?.Value);
    }
}

[Cmdlet("Select", "Object"), LocalCmdlet]
public sealed class SelectObject : PSCmdlet
{
    [Parameter(ValueFromPipeline = true)] public PSObject? InputObject { get; set; }
    [Parameter(Position = 0)] public object[]? Property { get; set; }
    [Parameter] public string[]? ExcludeProperty { get; set; }
    [Parameter] public string? ExpandProperty { get; set; }
    [Parameter, ValidateRange(0, int.MaxValue)] public int First { get; set; } = int.MaxValue;
    [Parameter, ValidateRange(0, int.MaxValue)] public int Last { get; set; } = -1;
    [Parameter, ValidateRange(0, int.MaxValue)] public int Skip { get; set; }
    [Parameter] public int[]? Index { get; set; }
    [Parameter] public SwitchParameter Unique { get; set; }
    [Parameter] public SwitchParameter Wait { get; set; }
    readonly List<PSObject> inputs = [];

    protected override void ProcessRecord()
    {
        if (InputObject != null) inputs.Add(InputObject);
    }

    protected override void EndProcessing()
    {
        IEnumerable<PSObject> chosen = inputs.Skip(Skip);
        if (Last >= 0) chosen = chosen.TakeLast(Last);
        else if (First != int.MaxValue) chosen = chosen.Take(First);
        if (Index != null) chosen = Index.Where(at => at >= 0 && at < inputs.Count).Select(at => inputs[at]);
        var seen = new HashSet<string>();
        foreach (PSObject thing in chosen)
        {
            PSObject result = Property == null ? thing : Project(thing);
            if (Unique && !seen.Add(JsonText51.Of(result, 4, true))) continue;
            if (ExpandProperty == null) WriteObject(result);
            else Expand(thing);
        }
    }

    PSObject Project(PSObject thing)
    {
        var result = new PSObject();
        if (thing.TypeNames.Count > 0) result.TypeNames.Insert(0, "Selected." + thing.TypeNames[0]);
        foreach (object given in Property!)
            foreach (var (name, value) in new Selected(given).Of(thing))
                if (result.Properties[name] == null && ExcludeProperty?.Contains(name, StringComparer.OrdinalIgnoreCase) != true)
                    result.Properties.Add(new PSNoteProperty(name, value));
        return result;
    }

    void Expand(PSObject thing)
    {
        if (thing.Properties[ExpandProperty!] is { } property) WriteObject(property.Value, enumerateCollection: true);
        else WriteError(new ErrorRecord(new PSArgumentException($"Property \"{ExpandProperty}\" cannot be found."),
                                        "ExpandPropertyNotFound", ErrorCategory.InvalidArgument, thing));
    }
}

[Cmdlet("Sort", "Object"), LocalCmdlet]
public sealed class SortObject : PSCmdlet
{
    [Parameter(ValueFromPipeline = true)] public PSObject? InputObject { get; set; }
    [Parameter(Position = 0)] public object[]? Property { get; set; }
    [Parameter] public SwitchParameter Descending { get; set; }
    [Parameter] public SwitchParameter Unique { get; set; }
    readonly List<PSObject> inputs = [];

    protected override void ProcessRecord()
    {
        if (InputObject != null) inputs.Add(InputObject);
    }

    protected override void EndProcessing()
    {
        var keyed = inputs.Select(thing => (thing, keys: Keys(thing))).ToList();
        var order = Comparer<List<object?>>.Create((one, other) =>
        {
            for (int at = 0; at < one.Count; ++at)
                if (LanguagePrimitives.Compare(one[at], other[at], ignoreCase: true) is var result and not 0) return Descending ? -result : result;
            return 0;
        });
        var sorted = keyed.OrderBy(pair => pair.keys, order).ToList();
        for (int at = 0; at < sorted.Count; ++at)
            if (!Unique || at == 0 || order.Compare(sorted[at - 1].keys, sorted[at].keys) != 0) WriteObject(sorted[at].thing);
    }

    List<object?> Keys(PSObject thing) => Property == null ? [thing.BaseObject]
        : Property.SelectMany(given => new Selected(given).Of(thing)).Select(pair => pair.Value is PSObject one ? one.BaseObject : pair.Value).ToList();
}
