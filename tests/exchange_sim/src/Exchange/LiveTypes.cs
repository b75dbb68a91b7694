// The types of what Exchange's cmdlets give, with the names that they have there: an enumeration is one, a size prints as one.
// Values of AuthMechanisms, PermissionGroups and ServiceState.Active are as a real server's CLIXML shows them.
namespace Microsoft.Exchange.Data
{
    [Flags]
    public enum PermissionGroups { None = 0, AnonymousUsers = 1, ExchangeUsers = 2, ExchangeServers = 4, ExchangeLegacyServers = 8, Partners = 16, Custom = 32 }
    public enum ServiceState { Inactive = 0, Active = 1, Draining = 2 }
    public enum ProtocolLoggingLevel { None = 0, Verbose = 1 }
    public enum ObjectState { New = 0, Unchanged = 1, Changed = 2, Deleted = 3 }

    public readonly struct ByteQuantifiedSize(ulong bytes)
    {
        readonly ulong bytes = bytes;
        public ulong ToBytes() => bytes;
        public override string ToString()
        {
            string[] units = ["B", "KB", "MB", "GB", "TB"];
            double size = bytes;
            int unit = 0;
            for (; size >= 1024 && unit < 4; ++unit) size /= 1024;
            string invariant = bytes.ToString("N0", System.Globalization.CultureInfo.InvariantCulture);
            return $"{size.ToString("0.###", System.Globalization.CultureInfo.InvariantCulture)} {units[unit]} ({invariant} bytes)";
        }
    }

    public readonly struct Unlimited(int? value)
    {
        readonly int? limit = value;
        public bool IsUnlimited => limit == null;
        public int? Value => limit;
        public override string ToString() => limit?.ToString() ?? "Unlimited";
    }

    public readonly struct EnhancedTimeSpan(TimeSpan span)
    {
        readonly TimeSpan span = span;
        public int Days => span.Days;
        public int Hours => span.Hours;
        public int Minutes => span.Minutes;
        public int Seconds => span.Seconds;
        public int Milliseconds => span.Milliseconds;
        public long Ticks => span.Ticks;
        public double TotalSeconds => span.TotalSeconds;
        public override string ToString() => span.ToString();
    }

    public sealed class ServerVersion(Version version)
    {
        public int Major => version.Major;
        public int Minor => version.Minor;
        public int Build => version.Build;
        public int Revision => version.Revision;
        public override string ToString() => $"Version {Major}.{Minor} (Build {Build}.{Revision})";
    }

    public sealed class LocalLongFullPath(string path)
    {
        public string PathName => path;
        public bool IsLocalFull => true;
        public override string ToString() => path;
    }

    public sealed class MultiValuedProperty<T>(IEnumerable<T> items) : List<T>(items);

    public sealed class BinaryFileDataObject(byte[] data)
    {
        public byte[] FileData => data;
    }
}

namespace Microsoft.Exchange.Data.Directory.SystemConfiguration
{
    [Flags]
    public enum AuthMechanisms { None = 0, Tls = 1, Integrated = 2, BasicAuth = 4, BasicAuthRequireTLS = 8, ExchangeServer = 16, ExternalAuthoritative = 32 }
    [Flags]
    public enum MessageRateSourceFlags { None = 0, IPAddress = 1, User = 2, All = 3 }
    public enum AcceptedDomainType { Authoritative = 0, ExternalRelay = 1, InternalRelay = 2 }
    public enum SizeMode { Enabled = 0, Disabled = 1, EnabledwithoutValue = 2 }
    public enum ServerRole { None = 0, Cafe = 1, Mailbox = 2, HubTransport = 32, Edge = 64, FrontendTransport = 16384 }
    public enum ExtendedProtectionPolicySetting { None = 0, Allow = 1, Require = 2 }
}

namespace Microsoft.Exchange.Data.QueueViewer
{
    public enum QueueStatus { None = 0, Active = 1, Ready = 2, Retry = 3, Suspended = 4, Connecting = 5 }
    public enum MessageStatus { None = 0, Active = 1, Ready = 2, Retry = 3, Suspended = 4, PendingSuspend = 5, PendingRemove = 6, Locked = 7 }
    public enum NextHopCategory { Internal = 0, External = 1 }
}

namespace Microsoft.Exchange.Data.Directory.Management
{
    public sealed class RequesterDetails(string requester, Microsoft.Exchange.Data.ServiceState state, DateTime timestamp, string component)
    {
        public string Requester => requester;
        public Microsoft.Exchange.Data.ServiceState State => state;
        public DateTime Timestamp => timestamp;
        public string Component => component;
        public override string ToString() =>
            $"Requestor:{requester}; State:{state}; Timestamp:{timestamp.ToString("M/d/yyyy h:mm:ss tt", System.Globalization.CultureInfo.InvariantCulture)}";
    }
}
