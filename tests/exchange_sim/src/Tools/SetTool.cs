using System.Text.Json.Nodes;
using Mailquench.ExchangeSim.World;

namespace Mailquench.ExchangeSim.Tools;

/// exchange-sim set WORLD /servers/EX1/receive_connectors/0/Enabled false: an administrator's hand. A missing VALUE removes; "-" appends.
static class SetTool
{
    public static int Run(string[] args)
    {
        if (args.Length is < 2 or > 3 || !args[1].StartsWith('/'))
        {
            Console.Error.WriteLine("usage: exchange-sim set WORLD JSONPOINTER [JSONVALUE]");
            return 2;
        }
        string[] keys = args[1][1..].Split('/').Select(key => key.Replace("~1", "/").Replace("~0", "~")).ToArray();
        JsonNode? value = args.Length == 3 ? JsonNode.Parse(args[2]) : null;
        new WorldFolder(args[0]).Change(organisation =>
        {
            JsonNode at = organisation;
            foreach (string key in keys[..^1])
                at = Step(at, key) ?? throw new SimException($"{args[1]}: there is no {key}");
            Put(at, keys[^1], value, remove: args.Length == 2);
        });
        return 0;
    }

    static JsonNode? Step(JsonNode at, string key) => at switch
    {
        JsonArray array => int.TryParse(key, out int index) ? index < array.Count ? array[index] : null
            : array.FirstOrDefault(item => item is JsonObject thing && thing.Text("Name") == key),  // By name, which stays true.
        JsonObject thing => thing[key],
        _ => null,
    };

    static void Put(JsonNode at, string key, JsonNode? value, bool remove)
    {
        if (at is JsonArray array)
        {
            if (key == "-") array.Add(value);
            else if (remove) array.RemoveAt(int.Parse(key));
            else array[int.Parse(key)] = value;
        }
        else if (remove) at.AsObject().Remove(key);
        else at[key] = value;
    }
}
