using System.Text.Json.Nodes;

namespace Mailquench.ExchangeSim.World;

/// sim/calls.jsonl: what reached the endpoint (or, with the snap-in, the cmdlets themselves).
static class CallLog
{
    public static void Add(WorldFolder world, string server, string text, string outcome)
    {
        string file = world.SimFile(server, "calls.jsonl");
        var line = new JsonObject { ["time"] = DateTime.UtcNow.ToString("o"), ["text"] = text, ["outcome"] = outcome };
        using FileStream _ = WorldFolder.Lock(file + ".lock");
        File.AppendAllText(file, line.ToJsonString() + "\n");
    }
}
