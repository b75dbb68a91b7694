using System.Globalization;
using System.Management.Automation;
using System.Text;
using System.Text.Json.Nodes;

namespace Mailquench.ExchangeSim.Exchange;

/// A filter of the Queue Viewer cmdlets: "Property -op 'value' -and Property -op 'value'". No other connective is documented.
sealed class Opath
{
    readonly List<(string Property, string Operator, string Value)> terms = [];
    static readonly string[] Operators = ["-eq", "-ne", "-gt", "-ge", "-lt", "-le", "-like", "-contains"];

    public static Opath Parse(string text, IReadOnlySet<string> filterable, JsonObject? enums)
    {
        List<(string Text, bool Quoted)> words = Split(text);
        var result = new Opath();
        if (words.Count == 0) throw Bad(text, "it is empty.");
        for (int at = 0; at < words.Count; at += 4)
        {
            if (at > 0 && (words[at - 1].Quoted || !Permissions.Same(words[at - 1].Text, "-and")))
                throw Bad(text, $"\"{words[at - 1].Text}\" is not expected there: only -and is.");
            if (at + 2 >= words.Count) throw Bad(text, "it ends too early.");
            string property = words[at].Text, comparison = words[at + 1].Text.ToLowerInvariant(), value = words[at + 2].Text;
            if (words[at].Quoted || !filterable.Contains(property)) throw Bad(text, $"\"{property}\" isn't a recognized filterable property.");
            if (words[at + 1].Quoted || !Operators.Contains(comparison)) throw Bad(text, $"\"{words[at + 1].Text}\" isn't a recognized operator.");
            if (!words[at + 2].Quoted && !double.TryParse(value, CultureInfo.InvariantCulture, out _) && !value.StartsWith('$'))
                throw Bad(text, $"the value {value} must be in quotation marks.");
            if (enums?[filterable.First(name => Permissions.Same(name, property))] is JsonArray known)
            {
                if (comparison is not ("-eq" or "-ne")) throw Bad(text, $"{property} can be compared by -eq and -ne only.");
                if (!known.Any(item => Permissions.Same(item!.ToString(), value))) throw Bad(text, $"\"{value}\" is no {property}.");
            }
            result.terms.Add((property, comparison, value));
            if (at + 3 < words.Count && at + 4 >= words.Count) throw Bad(text, "it ends too early.");
        }
        return result;
    }

    static Failure Bad(string filter, string why) => new("ParsingException", $"The filter \"{filter}\" is invalid: {why}", ErrorCategory.InvalidArgument);

    static List<(string, bool)> Split(string text)
    {
        var words = new List<(string, bool)>();
        for (int at = 0; at < text.Length;)
        {
            if (char.IsWhiteSpace(text[at]))
            {
                ++at;
                continue;
            }
            var word = new StringBuilder();
            if (text[at] is '\'' or '"')
            {
                char quote = text[at++];
                for (; ; ++at)
                {
                    if (at >= text.Length) throw Bad(text, "a quotation mark is missing.");
                    if (text[at] != quote) word.Append(text[at]);
                    else if (at + 1 < text.Length && text[at + 1] == quote) word.Append(text[at++]);
                    else break;
                }
                ++at;
                words.Add((word.ToString(), true));
                continue;
            }
            while (at < text.Length && !char.IsWhiteSpace(text[at]) && text[at] is not ('\'' or '"')) word.Append(text[at++]);
            if (word[0] == '(' || word[^1] == ')') throw Bad(text, "parentheses are not supported.");
            words.Add((word.ToString(), false));
        }
        return words;
    }

    public bool Matches(JsonObject row) => terms.All(term => Matches(row[term.Property] ?? FindCase(row, term.Property), term.Operator, term.Value));

    static JsonNode? FindCase(JsonObject row, string property) => row.FirstOrDefault(pair => Permissions.Same(pair.Key, property)).Value;

    static bool Matches(JsonNode? have, string comparison, string value)
    {
        string text = have is JsonArray or JsonObject ? have.ToJsonString() : have?.ToString() ?? "";
        switch (comparison)
        {
            case "-like": return new WildcardPattern(value.Replace("[", "`[").Replace("?", "`?"), WildcardOptions.IgnoreCase).IsMatch(text);
            case "-contains": return text.Contains(value, StringComparison.OrdinalIgnoreCase);
            case "-eq": return Compare(text, value) == 0;
            case "-ne": return Compare(text, value) != 0;
        }
        if (have == null) return false;
        int order = Compare(text, value);
        return comparison switch { "-gt" => order > 0, "-ge" => order >= 0, "-lt" => order < 0, _ => order <= 0 };
    }

    // Numbers as numbers, dates as dates, the rest as text in any case.
    public static int Compare(string one, string other)
    {
        if (double.TryParse(one, CultureInfo.InvariantCulture, out double left) && double.TryParse(other, CultureInfo.InvariantCulture, out double right))
            return left.CompareTo(right);
        if (one.Length >= 8 && DateTime.TryParse(one, CultureInfo.InvariantCulture, DateTimeStyles.AdjustToUniversal | DateTimeStyles.AssumeUniversal, out DateTime earlier) &&
            DateTime.TryParse(other, CultureInfo.InvariantCulture, DateTimeStyles.AdjustToUniversal | DateTimeStyles.AssumeLocal, out DateTime later))
            return earlier.CompareTo(later);
        return string.Compare(one, other, StringComparison.OrdinalIgnoreCase);
    }
}
