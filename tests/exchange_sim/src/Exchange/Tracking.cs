using System.Globalization;
using System.Management.Automation;
using System.Text;
using Mailquench.ExchangeSim.World;

namespace Mailquench.ExchangeSim.Exchange;

/// Get-MessageTrackingLog, from the files that the transport writes; and Test-ServiceHealth.
static class Tracking
{
    public static void Log(Call call)
    {
        string server = call.Text("Server") is { Length: > 0 } asked ? Servers.Name(call, call.World.Read(), asked) : call.Server;
        string folder = Path.Combine(call.World.ServerFolder(server), "TransportRoles", "Logs", "MessageTracking");
        DateTime from = call.Value("Start") is DateTime start ? start.ToUniversalTime() : DateTime.MinValue;
        DateTime to = call.Value("End") is DateTime end ? end.ToUniversalTime() : DateTime.MaxValue;
        string size = call.Text("ResultSize") ?? "1000";
        int limit = Permissions.Same(size, "unlimited") ? int.MaxValue : int.Parse(size, CultureInfo.InvariantCulture);
        if (!Directory.Exists(folder)) return;
        foreach (string file in Directory.GetFiles(folder, "MSGTRK*.log").Order())
            foreach (Dictionary<string, string> row in Read(file))
            {
                if (!DateTime.TryParse(row.GetValueOrDefault("date-time"), CultureInfo.InvariantCulture, DateTimeStyles.AdjustToUniversal | DateTimeStyles.AssumeUniversal, out DateTime when) || when < from || when > to) continue;
                if (!Wanted(call, row, "EventId", "event-id") || !Wanted(call, row, "Sender", "sender-address") || !Wanted(call, row, "MessageId", "message-id") ||
                    !Wanted(call, row, "InternalMessageId", "internal-message-id") || !Wanted(call, row, "Source", "source")) continue;
                if (call.Has("MessageSubject") && !row.GetValueOrDefault("message-subject", "").Contains(call.Text("MessageSubject")!, StringComparison.OrdinalIgnoreCase)) continue;
                if (call.Has("Recipients") && !row.GetValueOrDefault("recipient-address", "").Split(';').Intersect(call.Texts("Recipients"), StringComparer.OrdinalIgnoreCase).Any()) continue;
                if (limit-- == 0)
                {
                    call.Warn("There are more results available than are currently displayed. To view them, increase the value for the ResultSize parameter.");
                    return;
                }
                call.Write(Show(call, row, when));
            }
    }

    static bool Wanted(Call call, Dictionary<string, string> row, string parameter, string column) =>
        !call.Has(parameter) || Permissions.Same(call.Text(parameter)!, row.GetValueOrDefault(column, ""));

    static PSObject Show(Call call, Dictionary<string, string> row, DateTime when)
    {
        var shown = new PSObject();
        shown.TypeNames.Insert(0, "Microsoft.Exchange.Management.TransportLogSearchTasks.MessageTrackingEvent");
        foreach (string property in call.Spec.Output)
        {
            // Dashes dropped: client-ip is ClientIp; three have names of their own.
            string? column = property switch
            {
                "Timestamp" => "date-time", "Recipients" => "recipient-address", "Sender" => "sender-address",
                _ => row.Keys.FirstOrDefault(key => Permissions.Same(key.Replace("-", ""), property)),
            };
            string? text = column == null ? null : row.GetValueOrDefault(column);
            shown.Properties.Add(new PSNoteProperty(property, property switch
            {
                "Timestamp" => when.ToLocalTime(),
                "Recipients" or "RecipientStatus" or "Reference" => (text ?? "").Split(';', StringSplitOptions.RemoveEmptyEntries),
                "TotalBytes" or "RecipientCount" => int.TryParse(text, out int number) ? number : null,
                _ => text,
            }));
        }
        return shown;
    }

    // Columns are taken from #Fields; the transport may be writing the last line right now.
    static IEnumerable<Dictionary<string, string>> Read(string file)
    {
        using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        using var reader = new StreamReader(stream, Encoding.UTF8);
        string[] fields = [];
        while (reader.ReadLine() is { } line)
        {
            if (line.StartsWith("#Fields:")) fields = line["#Fields:".Length..].Trim().Split(',');
            if (line.StartsWith('#') || fields.Length == 0) continue;
            List<string> cells = Csv(line);
            if (cells.Count < 2) continue;
            yield return fields.Zip(cells).ToDictionary(pair => pair.First.Trim(), pair => pair.Second, StringComparer.OrdinalIgnoreCase);
        }
    }

    static List<string> Csv(string line)
    {
        var cells = new List<string>();
        var cell = new StringBuilder();
        bool quoted = false;
        for (int at = 0; at < line.Length; ++at)
        {
            if (line[at] == '"' && quoted && at + 1 < line.Length && line[at + 1] == '"') cell.Append(line[++at]);
            else if (line[at] == '"') quoted = !quoted;
            else if (line[at] == ',' && !quoted)
            {
                cells.Add(cell.ToString());
                cell.Clear();
            }
            else cell.Append(line[at]);
        }
        cells.Add(cell.ToString());
        return cells;
    }

    public static void ServiceHealth(Call call)
    {
        string server = call.Text("Server") is { Length: > 0 } asked ? Servers.Name(call, call.World.Read(), asked) : call.Server;
        var states = Json.ReadFile(call.World.SimFile(server, "services.json")) as System.Text.Json.Nodes.JsonObject ?? [];
        var roles = call.Context.IsEdge
            ? new (string, string[])[] { ("Edge Transport Server Role", ["ADAM_MSExchange", "MSExchangeEdgeCredential", "MSExchangeTransport", "MSExchangeTransportLogSearch"]) }
            : [("Mailbox Server Role", ["IISAdmin", "MSExchangeADTopology", "MSExchangeDelivery", "MSExchangeIS", "MSExchangeMailboxAssistants", "MSExchangeRepl", "MSExchangeRPC", "MSExchangeServiceHost", "MSExchangeSubmission", "MSExchangeThrottling", "MSExchangeTransportLogSearch", "W3Svc", "WinRM"]),
               ("Client Access Server Role", ["IISAdmin", "MSExchangeADTopology", "MSExchangeFrontEndTransport", "MSExchangeIMAP4", "MSExchangeMailboxReplication", "MSExchangePOP3", "MSExchangeRPC", "MSExchangeServiceHost", "W3Svc", "WinRM"]),
               ("Hub Transport Server Role", ["IISAdmin", "MSExchangeADTopology", "MSExchangeEdgeSync", "MSExchangeServiceHost", "MSExchangeTransport", "MSExchangeTransportLogSearch", "W3Svc", "WinRM"])];
        foreach (var (role, services) in roles)
        {
            // What nobody plays counts as running.
            bool runs(string service) => states.Text(service) is null or "Running";
            var row = new PSObject();
            row.TypeNames.Insert(0, "Microsoft.Exchange.Monitoring.ServiceHealth");
            row.Properties.Add(new PSNoteProperty("Role", role));
            row.Properties.Add(new PSNoteProperty("RequiredServicesRunning", services.All(runs)));
            row.Properties.Add(new PSNoteProperty("ServicesRunning", new Microsoft.Exchange.Data.MultiValuedProperty<string>(services.Where(runs))));
            row.Properties.Add(new PSNoteProperty("ServicesNotRunning", new Microsoft.Exchange.Data.MultiValuedProperty<string>(services.Where(service => !runs(service)))));
            call.Write(row);
        }
    }
}
