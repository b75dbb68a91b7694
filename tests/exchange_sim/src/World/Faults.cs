using System.Text.Json.Nodes;

namespace Mailquench.ExchangeSim.World;

/// sim/faults.json of a server. Calls are counted over all shells of it, in sim/fault-counts.json.
static class Faults
{
    /// What this call of `cmdlet` is to suffer, in the order of the file; counts it.
    public static List<JsonObject> Due(WorldFolder world, string server, string cmdlet)
    {
        if (Json.ReadFile(world.SimFile(server, "faults.json")) is not JsonArray { Count: > 0 } all) return [];
        int call = Count(world, server, cmdlet);
        return all.OfType<JsonObject>()
            .Where(fault => string.Equals(fault.Text("cmdlet"), cmdlet, StringComparison.OrdinalIgnoreCase))
            .Where(fault => (int?)fault["nth"] is null or 0 || (int?)fault["nth"] == call).ToList();
    }

    static int Count(WorldFolder world, string server, string cmdlet)
    {
        string file = world.SimFile(server, "fault-counts.json");
        using FileStream _ = WorldFolder.Lock(file + ".lock");
        JsonObject counts = Json.ReadFile(file) as JsonObject ?? [];
        string key = cmdlet.ToLowerInvariant();
        int call = ((int?)counts[key] ?? 0) + 1;
        counts[key] = call;
        Json.WriteFile(file, counts);
        return call;
    }
}
