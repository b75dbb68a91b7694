using System.Text;

namespace Mailquench.ExchangeSim.Shell;

/// The command line of powershell.exe 5.1: names in any case, abbreviated as far as they stay clear.
sealed class Arguments
{
    public string? Script { get; private set; }        // -Command or -EncodedCommand
    public string? File { get; private set; }
    public bool ReadsInput { get; private set; }       // -Command -
    public bool NonInteractive { get; private set; }
    public string? ExecutionPolicy { get; private set; }
    public string? ConfigurationFile { get; private set; } // -PSConsoleFile
    public List<string> Rest { get; } = [];

    static readonly string[] Names =
    [
        "Command", "ConfigurationName", "EncodedArguments", "EncodedCommand", "ExecutionPolicy", "File", "Help", "InputFormat",
        "Mta", "NoExit", "NoLogo", "NonInteractive", "NoProfile", "OutputFormat", "PSConsoleFile", "Sta", "Version", "WindowStyle",
    ];
    // What powershell.exe takes though more than one name begins so.
    static readonly Dictionary<string, string> Short = new(StringComparer.OrdinalIgnoreCase)
    {
        ["c"] = "Command", ["e"] = "EncodedCommand", ["ec"] = "EncodedCommand", ["ex"] = "ExecutionPolicy", ["ep"] = "ExecutionPolicy",
        ["f"] = "File", ["nop"] = "NoProfile", ["noni"] = "NonInteractive", ["nol"] = "NoLogo", ["noe"] = "NoExit", ["v"] = "Version",
        ["w"] = "WindowStyle", ["i"] = "InputFormat", ["o"] = "OutputFormat",
    };

    public static Arguments Parse(string[] args)
    {
        var result = new Arguments();
        for (int at = 0; at < args.Length; ++at)
        {
            if (args[at].Length < 2 || (args[at][0] != '-' && args[at][0] != '/'))
            {
                result.Take(args[at..]);
                return result;
            }
            string name = Full(args[at][1..]);
            switch (name)
            {
                case "NoLogo": case "NoProfile": case "Sta": case "Mta": case "NoExit": break;
                case "NonInteractive": result.NonInteractive = true; break;
                case "ExecutionPolicy": result.ExecutionPolicy = Value(args, ref at); break;
                case "PSConsoleFile": result.ConfigurationFile = Value(args, ref at); break;
                case "InputFormat": case "OutputFormat": case "WindowStyle": case "Version": case "ConfigurationName": case "EncodedArguments":
                    Value(args, ref at); break;
                case "EncodedCommand": result.Script = Decode(Value(args, ref at)); break;
                case "Command": result.Take(args[(at + 1)..]); return result;
                case "File":
                    result.File = Value(args, ref at);
                    result.Rest.AddRange(args[(at + 1)..]);
                    return result;
                default: throw new BadArguments(args[at]);
            }
        }
        return result;
    }

    void Take(string[] words)
    {
        if (words.Length == 1 && words[0] == "-") ReadsInput = true;
        else Script = string.Join(' ', words);
    }

    static string Full(string given)
    {
        if (Short.TryGetValue(given, out string? known)) return known;
        var all = Names.Where(name => name.StartsWith(given, StringComparison.OrdinalIgnoreCase)).ToList();
        return all.FirstOrDefault(name => name.Equals(given, StringComparison.OrdinalIgnoreCase)) ?? (all.Count == 1 ? all[0] : "");
    }

    static string Value(string[] args, ref int at)
    {
        if (at + 1 >= args.Length) throw new BadArguments(args[at]);
        return args[++at];
    }

    static string Decode(string base64)
    {
        try { return Encoding.Unicode.GetString(Convert.FromBase64String(base64)); }
        catch (FormatException) { throw new BadArguments("-EncodedCommand"); }
    }
}

/// The exit code of powershell.exe for it is 0xFFFD0000.
sealed class BadArguments(string name)
    : Exception($"Cannot process the command because the value or name of the parameter \"{name}\" is not valid.");
