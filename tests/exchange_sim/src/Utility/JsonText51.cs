using System.Collections;
using System.Globalization;
using System.Management.Automation;
using System.Reflection;
using System.Text;

namespace Mailquench.ExchangeSim.Utility;

/// JSON as Windows PowerShell 5.1 writes it: JavaScriptSerializer's escapes and dates, enumerations as numbers, extended
/// properties of a wrapped simple value beside a "value".
sealed class JsonText51(int depth, bool compress)
{
    readonly StringBuilder text = new();

    public static string Of(object? value, int depth, bool compress)
    {
        var writer = new JsonText51(depth, compress);
        writer.Write(value, 0);
        return writer.text.ToString();
    }

    void Write(object? value, int level)
    {
        var wrapped = value as PSObject;
        object? inner = wrapped?.BaseObject is PSCustomObject ? wrapped : wrapped?.BaseObject ?? value;
        if (inner is null or DBNull) text.Append("null");
        else if (Simple(inner))
        {
            List<PSPropertyInfo> extended = wrapped == null ? [] : Extended(wrapped);
            if (extended.Count == 0 || level > depth) WriteSimple(inner);
            else Bag([("value", inner), .. extended.Select(property => (property.Name, Get(property)))], level);
        }
        else if (level > depth) WriteString(LanguagePrimitives.ConvertTo<string>(value));
        else if (inner is IDictionary map) Bag(map.Keys.Cast<object>().Select(key => (key.ToString()!, map[key])), level);
        else if (inner is IEnumerable items) List(items, level);
        else Bag(Properties(wrapped, inner), level);
    }

    static bool Simple(object value) => value is string or bool or char or Guid or Uri or DateTime or DateTimeOffset or decimal or Enum
        || value.GetType().IsPrimitive;

    static List<PSPropertyInfo> Extended(PSObject value) => value.Properties
        .Where(property => property.MemberType is PSMemberTypes.NoteProperty or PSMemberTypes.ScriptProperty or PSMemberTypes.AliasProperty or PSMemberTypes.CodeProperty)
        .ToList();

    static IEnumerable<(string, object?)> Properties(PSObject? wrapped, object inner)
    {
        if (inner is PSObject custom) return custom.Properties.Select(property => (property.Name, Get(property)));
        var own = inner.GetType().GetProperties(BindingFlags.Public | BindingFlags.Instance)
            .Where(property => property.CanRead && property.GetIndexParameters().Length == 0)
            .Select(property => (property.Name, Read(property, inner))).ToList();
        if (wrapped != null) own.AddRange(Extended(wrapped).Select(property => (property.Name, Get(property))));
        return own;
    }

    static object? Read(PropertyInfo property, object thing)
    {
        try { return property.GetValue(thing); }
        catch (TargetInvocationException) { return null; }
    }

    static object? Get(PSPropertyInfo property)
    {
        try { return property.Value; }
        catch (GetValueException) { return null; }
    }

    void Bag(IEnumerable<(string Name, object? Value)> items, int level)
    {
        text.Append('{');
        bool first = true;
        foreach (var (name, value) in items)
        {
            if (!first) text.Append(',');
            first = false;
            Line(level + 1);
            WriteString(name);
            text.Append(compress ? ":" : ":  ");
            Write(value, level + 1);
        }
        if (!first) Line(level);
        text.Append('}');
    }

    void List(IEnumerable items, int level)
    {
        text.Append('[');
        bool first = true;
        foreach (object? item in items)
        {
            if (!first) text.Append(',');
            first = false;
            Line(level + 1);
            Write(item, level + 1);
        }
        if (!first) Line(level);
        text.Append(']');
    }

    void Line(int level)
    {
        if (!compress) text.Append("\r\n").Append(' ', 4 * level);
    }

    void WriteSimple(object value)
    {
        switch (value)
        {
            case string one: WriteString(one); break;
            case char one: WriteString(one.ToString()); break;
            case bool flag: text.Append(flag ? "true" : "false"); break;
            case DateTime date: text.Append("\"\\/Date(").Append(Milliseconds(date)).Append(")\\/\""); break;
            case DateTimeOffset date: text.Append("\"\\/Date(").Append(Milliseconds(date.UtcDateTime)).Append(")\\/\""); break;
            case Enum one: text.Append(System.Convert.ChangeType(one, Enum.GetUnderlyingType(one.GetType()))); break;
            case double or float: text.Append(((IFormattable)value).ToString("R", CultureInfo.InvariantCulture)); break;
            case Guid or Uri: WriteString(value.ToString()!); break;
            default: text.Append(((IFormattable)value).ToString(null, CultureInfo.InvariantCulture)); break;
        }
    }

    static long Milliseconds(DateTime date) => (date.ToUniversalTime().Ticks - DateTime.UnixEpoch.Ticks) / TimeSpan.TicksPerMillisecond;

    void WriteString(string? value)
    {
        text.Append('"');
        foreach (char letter in value ?? "")
        {
            switch (letter)
            {
                case '"': text.Append("\\\""); break;
                case '\\': text.Append("\\\\"); break;
                case '\b': text.Append("\\b"); break;
                case '\f': text.Append("\\f"); break;
                case '\n': text.Append("\\n"); break;
                case '\r': text.Append("\\r"); break;
                case '\t': text.Append("\\t"); break;
                case '\'' or '<' or '>' or '&' or '\u0085' or '\u2028' or '\u2029': Escape(letter); break;
                default:
                    if (letter < ' ') Escape(letter); else text.Append(letter);
                    break;
            }
        }
        text.Append('"');
    }

    void Escape(char letter) => text.Append("\\u").Append(((int)letter).ToString("x4"));
}
