using System.Management.Automation.Runspaces;
using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using Mailquench.ExchangeSim.World;

namespace Mailquench.ExchangeSim.Shell;

/// Which server of which world the commands of a runspace act on.
sealed class SimContext(WorldFolder world, string server, bool remote)
{
    static readonly ConditionalWeakTable<Runspace, SimContext> Attached = [];

    public WorldFolder World { get; } = world;
    public string Server { get; } = server;
    public bool Remote { get; } = remote;              // At an endpoint, not in the local session.
    public bool Dropped { get; set; }                  // By a fault: the session ends when the pipeline has.
    public ShellSettings Settings { get; } = ShellSettings.Load(world, server);
    public string ExecutionPolicy { get; private set; } = "RemoteSigned";
    public string InstallPath => World.ServerFolder(Server);

    // Read once: neither changes while a server runs.
    public string Version { get; } = world.Read()["servers"]?[server]?.AsObject().Text("version") ?? "EX2019";
    public bool IsEdge { get; } = world.Read()["servers"]?[server]?.AsObject().Text("role") == "Edge";

    public void TakeExecutionPolicy(string? asked) =>
        ExecutionPolicy = asked == null || Settings.PolicyIsForced ? Settings.ExecutionPolicy : asked;

    public static void Attach(Runspace runspace, SimContext context) => Attached.AddOrUpdate(runspace, context);

    public static SimContext Current =>
        Runspace.DefaultRunspace is { } runspace && Attached.TryGetValue(runspace, out SimContext? context)
            ? context
            : throw new SimException("a command runs in a runspace that no server belongs to");

    /// From the environment, else from the file beside the program (under Wine nothing else reaches it).
    public static SimContext Find()
    {
        string? world = Environment.GetEnvironmentVariable("MAILQUENCH_EXCHANGE_WORLD");
        string? server = Environment.GetEnvironmentVariable("MAILQUENCH_EXCHANGE_SERVER");
        if (string.IsNullOrEmpty(world) || string.IsNullOrEmpty(server))
        {
            string beside = Path.Combine(AppContext.BaseDirectory, "exchange-sim.json");
            if (Json.ReadFile(beside) is not JsonObject file)
                throw new SimException("neither MAILQUENCH_EXCHANGE_WORLD and MAILQUENCH_EXCHANGE_SERVER nor exchange-sim.json say which server this is");
            world ??= file.Text("world");
            server ??= file.Text("server");
        }
        var folder = new WorldFolder(world!);
        if (folder.Read()["servers"]?[server!] == null) throw new SimException($"the world {world} has no server {server}");
        return new SimContext(folder, server!, remote: false);
    }
}
