using System.Management.Automation;
using System.Reflection;

namespace Mailquench.ExchangeSim.Exchange;

/// What a cmdlet says no with. `Kind` is the name of Exchange's exception, which stands in the error id of a remote session.
class Failure(string kind, string message, ErrorCategory category = ErrorCategory.InvalidOperation, object? target = null) : Exception(message)
{
    public string Kind => kind;
    public ErrorCategory Category => category;
    public object? On => target;

    public static Failure NotFound(string identity, string dc) => new("ManagementObjectNotFoundException",
        $"The operation couldn't be performed because object '{identity}' couldn't be found on '{dc}'.", ErrorCategory.NotSpecified);
    public static Failure BadArgument(string parameter, object? value, string why) => new("ParameterBindingException",
        $"Cannot process argument transformation on parameter '{parameter}'. Cannot convert value \"{value}\": {why}", ErrorCategory.InvalidData);

    /// As it reads at the server: the id has its class after the comma.
    public ErrorRecord Record(string cmdlet, string server)
    {
        string hash = (Message.Aggregate(17u, (sum, letter) => sum * 31 + letter)).ToString("X8");
        string type = "Microsoft.Exchange.Management.SystemConfigurationTasks." + cmdlet.Replace("-", "");
        var record = new ErrorRecord(this, hash, category, target);
        record.CategoryInfo.Activity = cmdlet;
        record.CategoryInfo.Reason = kind;
        string id = $"[Server={server.ToUpperInvariant()},RequestId={Guid.NewGuid()},TimeStamp={DateTime.Now:M/d/yyyy h:mm:ss tt}] " +
                    $"[FailureCategory=Cmdlet-{kind}] {hash},{type}";
        return WithId(record, id);
    }

    // The engine would put this program's own class at the end.
    public static ErrorRecord WithId(ErrorRecord record, string id)
    {
        typeof(ErrorRecord).GetField("_serializedFullyQualifiedErrorId", BindingFlags.Instance | BindingFlags.NonPublic)?.SetValue(record, id);
        return record;
    }
}
