using System.Management.Automation;
using System.Management.Automation.Runspaces;
using Mailquench.ExchangeSim.Shell;

namespace Mailquench.ExchangeSim.Endpoint;

/// What New-PSSession gives. It has the properties of the real one, not its type.
public sealed class SimSession
{
    static int last;
    internal SimSession(SimContext context, Runspace runspace, string computer)
    {
        Context = context;
        Runspace = runspace;
        ComputerName = computer;
        Id = Interlocked.Increment(ref last);
        Name = "Session" + Id;
    }

    internal SimContext Context { get; }
    internal Runspace Runspace { get; }
    public string ComputerName { get; }
    public string ConfigurationName => "Microsoft.Exchange";
    public Guid InstanceId { get; } = Guid.NewGuid();
    public int Id { get; }
    public string Name { get; }
    public RunspaceState State { get; private set; } = RunspaceState.Opened;
    public string Availability => State == RunspaceState.Opened ? "Available" : "None";

    internal static List<SimSession> All { get; } = [];

    internal void End(RunspaceState how)
    {
        if (State != RunspaceState.Opened) return;
        State = how;
        Runspace.CloseAsync();
    }

    public override string ToString() => $"[PSSession]{Name}";
}
