using System.Collections;
using System.Globalization;
using System.Management.Automation;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Microsoft.Exchange.Data;
using Microsoft.Exchange.Data.Directory.SystemConfiguration;

namespace Mailquench.ExchangeSim.Exchange;

/// Between what is bound, what is stored (plain JSON, as README.md has it) and what a cmdlet gives, by documented type.
static partial class Values
{
    static readonly Dictionary<string, Type> Enums = new(StringComparer.Ordinal)
    {
        ["AuthMechanisms"] = typeof(AuthMechanisms), ["PermissionGroups"] = typeof(PermissionGroups),
        ["MessageRateSourceFlags"] = typeof(MessageRateSourceFlags), ["ProtocolLoggingLevel"] = typeof(ProtocolLoggingLevel),
        ["AcceptedDomainType"] = typeof(AcceptedDomainType), ["SizeMode"] = typeof(SizeMode),
        ["ExtendedProtectionPolicySetting"] = typeof(ExtendedProtectionPolicySetting), ["ServerRole"] = typeof(ServerRole),
        ["ServiceState"] = typeof(ServiceState),
    };

    public static bool IsList(string type) => type is "MultiValuedProperty" or "ProxyAddressCollection" || (type.EndsWith("[]") && type != "Byte[]");

    /// Throws Failure where the text means nothing to that type.
    public static JsonNode? Store(string parameter, string type, object? given, JsonNode? before)
    {
        object? value = given is PSObject wrapped && wrapped.BaseObject is not PSCustomObject ? wrapped.BaseObject : given;
        if (IsList(type)) return List(value, before as JsonArray);
        if (value == null) return null;
        if (Enums.TryGetValue(type, out Type? enumeration)) return Flags(parameter, enumeration, value);
        switch (type)
        {
            case "Boolean" or "System.Boolean" or "SwitchParameter": return LanguagePrimitives.IsTrue(value);
            case "Int32" or "UInt32" or "Int64": return Number(LanguagePrimitives.ConvertTo<long>(value));
            case "EnhancedTimeSpan": return LanguagePrimitives.ConvertTo<TimeSpan>(value).ToString("c");
            case "DateTime": return LanguagePrimitives.ConvertTo<DateTime>(value).ToUniversalTime().ToString("o");
            case "ByteQuantifiedSize": return Size(parameter, value);
            case "Unlimited": return Limit(parameter, value);
            default: return Call.Plain(given);
        }
    }

    // As it is when it is read again.
    static JsonNode Number(long value) => value is >= int.MinValue and <= int.MaxValue ? JsonValue.Create((int)value) : JsonValue.Create(value);

    static JsonArray List(object? value, JsonArray? before)
    {
        var result = new List<string>();
        if (value is IDictionary change)
        {
            result.AddRange(before?.Select(item => item!.ToString()) ?? []);
            foreach (DictionaryEntry entry in change)
            {
                var items = Items(entry.Value).ToList();
                if ("add".Equals(entry.Key.ToString(), StringComparison.OrdinalIgnoreCase)) result.AddRange(items.Except(result, StringComparer.OrdinalIgnoreCase).ToList());
                else result.RemoveAll(item => items.Contains(item, StringComparer.OrdinalIgnoreCase));
            }
        }
        else result.AddRange(Items(value));
        return new JsonArray(result.Distinct().Select(item => (JsonNode?)item).ToArray());
    }

    static IEnumerable<string> Items(object? value)
    {
        object? inner = value is PSObject wrapped && wrapped.BaseObject is not PSCustomObject ? wrapped.BaseObject : value;
        if (inner == null) return [];
        if (inner is string text) return [text];
        return inner is IEnumerable items ? items.Cast<object?>().Select(item => Call.Plain(item) ?? "") : [Call.Plain(value) ?? ""];
    }

    // 'Tls, Integrated' or a list; each must be one of the documented ones.
    static string Flags(string parameter, Type enumeration, object value)
    {
        var names = Items(value).SelectMany(item => item.Split(',')).Select(item => item.Trim()).ToList();
        long all = 0;
        foreach (string name in names)
        {
            if (name.Length == 0 || char.IsDigit(name[0]) || !Enum.TryParse(enumeration, name, ignoreCase: true, out object? one))
                throw Failure.BadArgument(parameter, string.Join(", ", names), $"\"{name}\" is not one of {string.Join(", ", Enum.GetNames(enumeration))}.");
            all |= Convert.ToInt64(one);
        }
        if (names.Count > 1 && names.Contains("None", StringComparer.OrdinalIgnoreCase))
            throw Failure.BadArgument(parameter, string.Join(", ", names), "None can't be combined with other values.");
        return Enum.ToObject(enumeration, all).ToString()!;
    }

    static JsonNode Limit(string parameter, object value)
    {
        string text = Call.Plain(value) ?? "";
        if (text.Equals("unlimited", StringComparison.OrdinalIgnoreCase)) return "Unlimited";
        if (int.TryParse(text, CultureInfo.InvariantCulture, out int number)) return number;
        return Size(parameter, value);
    }

    [GeneratedRegex(@"^\s*(\d+(?:\.\d+)?)\s*(B|KB|MB|GB|TB)?\s*(?:\(([\d,]+) bytes\))?\s*$", RegexOptions.IgnoreCase)]
    private static partial Regex SizeText();

    static string Size(string parameter, object value) => new ByteQuantifiedSize(Bytes(Call.Plain(value) ?? "")
        ?? throw Failure.BadArgument(parameter, value, "it is no size.")).ToString();

    static ulong? Bytes(string text)
    {
        Match match = SizeText().Match(text);
        if (!match.Success) return null;
        if (match.Groups[3].Success) return ulong.Parse(match.Groups[3].Value.Replace(",", ""));
        int power = match.Groups[2].Value.ToUpperInvariant() switch { "KB" => 1, "MB" => 2, "GB" => 3, "TB" => 4, _ => 0 };
        return (ulong)(double.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture) * Math.Pow(1024, power));
    }

    /// As a live object of the server has it.
    public static object? Live(string type, JsonNode? stored)
    {
        if (IsList(type) || stored is JsonArray)
            return new MultiValuedProperty<string>(stored is JsonArray array ? array.Select(item => item?.ToString() ?? "") : stored == null ? [] : [stored.ToString()]);
        if (stored is not JsonValue value) return null;
        string text = value.ToString();
        if (Enums.TryGetValue(type, out Type? enumeration) && Enum.TryParse(enumeration, text, true, out object? one)) return one;
        switch (type)
        {
            case "EnhancedTimeSpan": return TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out TimeSpan span) ? new EnhancedTimeSpan(span) : text;
            case "DateTime": return DateTime.Parse(text, CultureInfo.InvariantCulture, DateTimeStyles.RoundtripKind);
            case "ByteQuantifiedSize": return Bytes(text) is { } size ? new ByteQuantifiedSize(size) : text;
            case "Unlimited":
                if (text == "Unlimited") return new Unlimited(null);
                if (int.TryParse(text, out int limit)) return new Unlimited(limit);
                return Bytes(text) is { } bytes ? new ByteQuantifiedSize(bytes) : text;
            case "LocalLongFullPath": return new LocalLongFullPath(text);
        }
        if (value.TryGetValue(out bool flag)) return flag;
        if (value.TryGetValue(out int small)) return type == "UInt32" ? (uint)small : small;
        if (value.TryGetValue(out long large)) return large;
        if (value.TryGetValue(out double real)) return real;
        return text;
    }
}
