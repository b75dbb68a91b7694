using System.Globalization;
using System.Management.Automation;
using System.Text.Json.Nodes;
using Mailquench.ExchangeSim.World;
using Microsoft.Exchange.Data.QueueViewer;

namespace Mailquench.ExchangeSim.Exchange;

/// Get-Queue and Get-Message: what the transport says, filtered, sorted and paged.
static class QueueViewer
{
    const string Namespace = "Microsoft.Exchange.Data.QueueViewer.";

    public static void Queues(Call call)
    {
        var (server, rest) = Target(call, "Identity");
        List<JsonObject> rows = Rows(call, server, "queues");
        if (rest != null)
        {
            rows = rows.Where(row => QueueIdentities.QueueMatches(row, rest)).ToList();
            if (rows.Count == 0 && !rest.Contains('*')) throw Missing("queue", call.Text("Identity")!);
        }
        foreach (string include in call.Texts("Include").SelectMany(text => text.Split(',')).Select(text => text.Trim())) rows = rows.Where(row => Named(call, row, include)).ToList();
        foreach (string exclude in call.Texts("Exclude").SelectMany(text => text.Split(',')).Select(text => text.Trim())) rows = rows.Where(row => !Named(call, row, exclude)).ToList();
        foreach (JsonObject row in Page(call, rows)) call.Write(Show(call, row, Namespace + "ExtensibleQueueInfo"));
    }

    static bool Named(Call call, JsonObject row, string value)
    {
        if (Permissions.Same(value, "Internal") || Permissions.Same(value, "External")) return Permissions.Same(row.Text("NextHopCategory") ?? "", value);
        if (Permissions.Same(value, "Empty")) return ((int?)row["MessageCount"] ?? 0) == 0;
        if (!(call.Spec.OutputJson?["enums"]?["DeliveryType"] as JsonArray ?? []).Any(item => Permissions.Same(item!.ToString(), value)))
            throw Failure.BadArgument("Include", value, "it is no delivery type.");
        return Permissions.Same(row.Text("DeliveryType") ?? "", value);
    }

    public static void Messages(Call call)
    {
        bool byQueue = call.Has("Queue");
        var (server, rest) = Target(call, byQueue ? "Queue" : "Identity");
        List<JsonObject> rows = Rows(call, server, "messages");
        if (rest != null && byQueue)
        {
            var queues = Rows(call, server, "queues").Where(row => QueueIdentities.QueueMatches(row, rest)).Select(row => row.Text("Identity")).ToList();
            if (queues.Count == 0 && !rest.Contains('*')) throw Missing("queue", call.Text("Queue")!);
            rows = rows.Where(row => queues.Contains(QueueIdentities.QueueOf(row), StringComparer.OrdinalIgnoreCase)).ToList();
        }
        else if (rest != null)
        {
            rows = rows.Where(row => QueueIdentities.MessageMatches(row, rest)).ToList();
            if (rows.Count == 0 && !rest.Contains('*')) throw Missing("message", call.Text("Identity")!);
        }
        foreach (JsonObject row in Page(call, rows))
        {
            if (!call.Flag("IncludeRecipientInfo")) row["Recipients"] = null;
            call.Write(Show(call, row, Namespace + "ExtensibleMessageInfo"));
        }
    }

    public static Failure Missing(string what, string identity) => new("ManagementObjectNotFoundException",
        $"The specified {what} could not be found. The identity was \"{identity}\".", ErrorCategory.InvalidArgument, identity);

    public static (string Server, string? Inside) Target(Call call, string parameter)
    {
        if (call.Text(parameter) is { Length: > 0 } identity) return QueueIdentities.Split(call, identity);
        return (call.Text("Server") is { Length: > 0 } asked ? Servers.Name(call, call.World.Read(), asked) : call.Server, null);
    }

    /// Of that server; those that -Filter keeps where it is given.
    public static List<JsonObject> Rows(Call call, string server, string what)
    {
        var rows = (TransportControl.Ask(call, server, new JsonObject { ["do"] = what })[what] as JsonArray ?? []).OfType<JsonObject>().ToList();
        var shape = Catalogue.CmdletCatalogue.Of(call.Context.Version, call.Context.IsEdge).Find(what == "queues" ? "Get-Queue" : "Get-Message")!;
        bool own = call.Name.EndsWith("Message") == (what == "messages") || call.Name.EndsWith("Queue") == (what == "queues");
        if (!call.Has("Filter") || !own || (call.Name == "Get-Message" && what == "queues")) return rows;
        Opath filter = Opath.Parse(call.Text("Filter")!, shape.Filterable, shape.OutputJson?["enums"] as JsonObject);
        return rows.Where(filter.Matches).ToList();
    }

    static IEnumerable<JsonObject> Page(Call call, List<JsonObject> rows)
    {
        foreach (string order in call.Texts("SortOrder").SelectMany(text => text.Split(',')).Select(text => text.Trim()).Reverse())
        {
            bool down = order.StartsWith('-');
            string property = order.TrimStart('+', '-');
            if (!call.Spec.Output.Contains(property, StringComparer.OrdinalIgnoreCase)) throw Failure.BadArgument("SortOrder", order, "there is no such property.");
            var by = Comparer<string>.Create(Opath.Compare);
            rows = (down ? rows.OrderByDescending(row => row[property]?.ToString() ?? "", by) : rows.OrderBy(row => row[property]?.ToString() ?? "", by)).ToList();
        }
        if (call.Has("SearchForward") && !call.Flag("SearchForward")) rows.Reverse();
        if (call.Text("BookmarkObject") is { Length: > 0 } bookmark)
        {
            int at = rows.FindIndex(row => Permissions.Same(row.Text("Identity") ?? "", bookmark));
            if (at >= 0) rows = rows.Skip(call.Flag("IncludeBookmark", true) ? at : at + 1).ToList();
        }
        else if (call.Has("BookmarkIndex")) rows = rows.Skip(Math.Max(0, (int)call.Value("BookmarkIndex")! - 1)).ToList();
        string size = call.Text("ResultSize") ?? "1000";
        int limit = Permissions.Same(size, "unlimited") ? 250000 : int.TryParse(size, CultureInfo.InvariantCulture, out int number) && number > 0 ? number
            : throw Failure.BadArgument("ResultSize", size, "it is neither a number nor unlimited.");
        if (rows.Count > limit && !call.Has("ResultSize"))
            call.Warn("By default, only the first 1000 items are returned. Use the ResultSize parameter to specify the number of items returned. To return all items, " +
                      "specify \"-ResultSize Unlimited\". Be aware that, depending on the actual number of items, returning all items can take a long time and consume a large amount of memory.");
        else if (rows.Count > limit)
            call.Warn("There are more results available than are currently displayed. To view them, increase the value for the ResultSize parameter.");
        return rows.Take(limit);
    }

    static PSObject Show(Call call, JsonObject row, string type)
    {
        var shown = new PSObject();
        shown.TypeNames.Insert(0, type);
        shown.TypeNames.Insert(1, type.Replace("Extensible", "Property"));
        foreach (string property in call.Spec.Output) shown.Properties.Add(new PSNoteProperty(property, Live(property, row[property])));
        shown.Properties.Add(new PSNoteProperty("IsValid", true));
        shown.Methods.Add(new PSScriptMethod("ToString", ScriptBlock.Create("[string]$this.Identity")));
        return shown;
    }

    static object? Live(string property, JsonNode? stored)
    {
        string text = stored?.ToString() ?? "";
        switch (property)
        {
            case "Status": return Enum.TryParse(text, true, out QueueStatus queue) ? queue : Enum.TryParse(text, true, out MessageStatus message) ? message : text;
            case "NextHopCategory": return Enum.TryParse(text, true, out NextHopCategory category) ? category : text;
            case "Size" when stored is JsonValue: return long.TryParse(text, out long bytes) ? new Microsoft.Exchange.Data.ByteQuantifiedSize((ulong)bytes) : text;
            case "Recipients": return stored is JsonArray recipients ? Recipients(recipients) : null;
        }
        if (stored is JsonArray array) return new Microsoft.Exchange.Data.MultiValuedProperty<string>(array.Select(item => item?.ToString() ?? ""));
        if (stored is not JsonValue value) return null;
        if ((property.EndsWith("Time") || property == "DateReceived") &&
            DateTime.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AdjustToUniversal | DateTimeStyles.AssumeUniversal, out DateTime when)) return when.ToLocalTime();
        if (property is "Velocity" or "IncomingRate" or "OutgoingRate") return double.TryParse(text, CultureInfo.InvariantCulture, out double rate) ? rate : 0.0;
        return Values.Live("String", value);
    }

    static Microsoft.Exchange.Data.MultiValuedProperty<object> Recipients(JsonArray all) => new(all.Select(item =>
    {
        if (item is not JsonObject recipient) return (object)(item?.ToString() ?? "");
        var shown = new PSObject();
        foreach (var (name, value) in recipient) shown.Properties.Add(new PSNoteProperty(name, value?.ToString()));
        return shown;
    }));
}
