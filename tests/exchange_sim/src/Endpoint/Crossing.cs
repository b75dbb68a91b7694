using System.Management.Automation;
using System.Reflection;

namespace Mailquench.ExchangeSim.Endpoint;

/// What happens to objects and errors on their way through remoting: the engine's own serialiser does it.
static class Crossing
{
    public static PSObject? Object(PSObject? result, SimSession session, bool showComputer)
    {
        if (result == null) return null;
        PSObject there = PSObject.AsPSObject(PSSerializer.Deserialize(PSSerializer.Serialize(result, 2)));
        Note(there, "PSComputerName", session.ComputerName);
        Note(there, "RunspaceId", session.Runspace.InstanceId);
        Note(there, "PSShowComputerName", showComputer);
        return there;
    }

    static void Note(PSObject thing, string name, object value)
    {
        if (thing.Properties[name] == null) thing.Properties.Add(new PSNoteProperty(name, value));
    }

    /// As an error of a remote session: its exception is a RemoteException, its id is the one from there.
    public static ErrorRecord Error(ErrorRecord record, SimSession session)
    {
        MethodInfo to = Internal("ToPSObjectForRemoting", [typeof(PSObject)]), from = Internal("FromPSObjectForRemoting", [typeof(PSObject)]);
        var sent = new PSObject();
        to.Invoke(record, [sent]);
        var arrived = PSObject.AsPSObject(PSSerializer.Deserialize(PSSerializer.Serialize(sent, 2)));
        var result = (ErrorRecord)from.Invoke(null, [arrived])!;
        return new System.Management.Automation.Runspaces.RemotingErrorRecord(result,
            new System.Management.Automation.Remoting.OriginInfo(session.ComputerName, session.Runspace.InstanceId));
    }

    static MethodInfo Internal(string name, Type[] types) =>
        typeof(ErrorRecord).GetMethod(name, BindingFlags.Static | BindingFlags.Instance | BindingFlags.NonPublic, types)
        ?? throw new SimException($"this engine has no ErrorRecord.{name}: the stand-in is for System.Management.Automation 7.6.9");
}
