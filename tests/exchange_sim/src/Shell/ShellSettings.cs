using System.Text.Json.Nodes;
using Mailquench.ExchangeSim.World;

namespace Mailquench.ExchangeSim.Shell;

/// sim/shell.json of a server: how its PowerShell is set up, and what the account may do. All keys may be absent.
sealed class ShellSettings
{
    public string LanguageMode { get; private init; } = "FullLanguage";
    public string ExecutionPolicy { get; private init; } = "RemoteSigned";
    public bool PolicyIsForced { get; private init; }  // By group policy: -ExecutionPolicy changes nothing.
    public bool Is64Bit { get; private init; } = true;
    public bool EndpointUp { get; private init; } = true;
    public HashSet<string>? Roles { get; private init; }  // Cmdlets the account sees at the endpoint; null: all.
    public Dictionary<string, HashSet<string>> HiddenParameters { get; } = new(StringComparer.OrdinalIgnoreCase);

    public static ShellSettings Load(WorldFolder world, string server)
    {
        if (Json.ReadFile(world.SimFile(server, "shell.json")) is not JsonObject json) return new ShellSettings();
        var result = new ShellSettings
        {
            LanguageMode = json.Text("language_mode") ?? "FullLanguage",
            ExecutionPolicy = json.Text("execution_policy") ?? "RemoteSigned",
            PolicyIsForced = json.ContainsKey("execution_policy"),
            Is64Bit = json.Bool("is_64_bit", true),
            EndpointUp = json.Bool("endpoint", true),
            Roles = json["roles"] is JsonArray roles ? new(roles.Select(role => role!.ToString()), StringComparer.OrdinalIgnoreCase) : null,
        };
        if (json["hidden_parameters"] is JsonObject hidden)
            foreach (var (cmdlet, names) in hidden)
                result.HiddenParameters[cmdlet] = new(names!.AsArray().Select(name => name!.ToString()), StringComparer.OrdinalIgnoreCase);
        return result;
    }
}
