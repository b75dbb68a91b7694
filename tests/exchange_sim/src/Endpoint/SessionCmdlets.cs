using System.Management.Automation;
using System.Management.Automation.Remoting;
using System.Management.Automation.Runspaces;
using Mailquench.ExchangeSim.Shell;
using Mailquench.ExchangeSim.World;

namespace Mailquench.ExchangeSim.Endpoint;

/// New-PSSession, of whose parameters those are here that reach an Exchange server.
[Cmdlet("New", "PSSession", DefaultParameterSetName = "Uri"), LocalCmdlet]
public sealed class NewSession : PSCmdlet
{
    [Parameter(ParameterSetName = "Uri", Mandatory = true), Alias("URI", "CU")] public Uri ConnectionUri { get; set; } = null!;
    [Parameter(ParameterSetName = "Computer", Mandatory = true, Position = 0), Alias("Cn")] public string[] ComputerName { get; set; } = [];
    [Parameter] public string? ConfigurationName { get; set; }
    [Parameter] public AuthenticationMechanism Authentication { get; set; } = AuthenticationMechanism.Default;
    [Parameter] public SwitchParameter AllowRedirection { get; set; }
    [Parameter] public string? Name { get; set; }
    [Parameter] public object? SessionOption { get; set; }
    [Parameter, Credential] public PSCredential? Credential { get; set; }

    protected override void ProcessRecord()
    {
        string target = ParameterSetName == "Uri" ? ConnectionUri.Host : ComputerName[0];
        SimContext here = SimContext.Current;
        try
        {
            if (ParameterSetName != "Uri" || !string.Equals(ConfigurationName, "Microsoft.Exchange", StringComparison.OrdinalIgnoreCase))
                throw new PSRemotingTransportException($"Connecting to remote server {target} failed with the following error message : " +
                    $"the session configuration {ConfigurationName ?? "Microsoft.PowerShell"} is not simulated.");
            if (!ConnectionUri.AbsolutePath.TrimEnd('/').Equals("/PowerShell", StringComparison.OrdinalIgnoreCase))
                throw new PSRemotingTransportException($"Connecting to remote server {target} failed with the following error message : " +
                    "The WinRM client received an HTTP status code of 404 from the remote WS-Management service.");
            if (Authentication is not (AuthenticationMechanism.Kerberos or AuthenticationMechanism.NegotiateWithImplicitCredential or AuthenticationMechanism.Default or AuthenticationMechanism.Negotiate))
                throw new PSRemotingTransportException($"Connecting to remote server {target} failed with the following error message : Access is denied.");
            string server = Find(here.World, target)
                ?? throw new PSRemotingTransportException($"Connecting to remote server {target} failed with the following error message : " +
                    "The WinRM client cannot process the request because the server name cannot be resolved.");
            var context = new SimContext(here.World, server, remote: true);
            if (context.IsEdge || !context.Settings.EndpointUp)
                throw new PSRemotingTransportException($"Connecting to remote server {target} failed with the following error message : " +
                    "The client cannot connect to the destination specified in the request. Verify that the service on the destination is running " +
                    "and is accepting requests.");
            Runspace own = Runspace.DefaultRunspace;
            var session = new SimSession(context, Endpoint.Open(context), target);
            Runspace.DefaultRunspace = own;
            SimSession.All.Add(session);
            WriteObject(session);
        }
        catch (PSRemotingTransportException failure)
        {
            // Non-terminating, as there.
            WriteError(new ErrorRecord(failure, "CannotConnect,PSSessionOpenFailed", ErrorCategory.OpenError, target));
        }
    }

    static string? Find(WorldFolder world, string target)
    {
        foreach (var (name, node) in world.Read()["servers"]!.AsObject())
            if (target.Equals(name, StringComparison.OrdinalIgnoreCase) ||
                target.Equals(node!.AsObject().Text("fqdn"), StringComparison.OrdinalIgnoreCase)) return name;
        if (target is "localhost" or "127.0.0.1") return null;  // Kerberos knows no such name.
        return null;
    }
}

[Cmdlet("Get", "PSSession"), LocalCmdlet]
public sealed class GetSession : PSCmdlet
{
    [Parameter(Position = 0)] public int[]? Id { get; set; }
    [Parameter] public string[]? Name { get; set; }

    protected override void ProcessRecord()
    {
        foreach (SimSession session in SimSession.All)
            if ((Id == null || Id.Contains(session.Id)) && (Name == null || Name.Contains(session.Name))) WriteObject(session);
    }
}

[Cmdlet("Remove", "PSSession", DefaultParameterSetName = "Session"), LocalCmdlet]
public sealed class RemoveSession : PSCmdlet
{
    [Parameter(ParameterSetName = "Session", Mandatory = true, Position = 0, ValueFromPipeline = true)] public PSObject[] Session { get; set; } = [];
    [Parameter(ParameterSetName = "Id", Mandatory = true)] public int[] Id { get; set; } = [];

    protected override void ProcessRecord()
    {
        foreach (SimSession session in ParameterSetName == "Id"
                     ? SimSession.All.Where(session => Id.Contains(session.Id)).ToList()
                     : Session.Select(item => item?.BaseObject).OfType<SimSession>().ToList())
        {
            session.End(RunspaceState.Closed);
            SimSession.All.Remove(session);
        }
    }
}
