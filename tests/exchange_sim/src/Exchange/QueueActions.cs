using System.Text.Json.Nodes;
using Mailquench.ExchangeSim.World;
using Microsoft.Exchange.Data;

namespace Mailquench.ExchangeSim.Exchange;

/// What is done to queues and messages.
static class QueueActions
{
    public static void SuspendQueue(Call call) => OnQueues(call, "suspend-queue");
    public static void ResumeQueue(Call call) => OnQueues(call, "resume-queue");
    public static void RetryQueue(Call call) => OnQueues(call, "retry-queue", request => request["resubmit"] = call.Flag("Resubmit"));
    public static void SuspendMessage(Call call) => OnMessages(call, "suspend-message");
    public static void ResumeMessage(Call call) => OnMessages(call, "resume-message");
    public static void RemoveMessage(Call call) => OnMessages(call, "remove-message", request => request["ndr"] = call.Flag("WithNDR", true));

    static void OnQueues(Call call, string what, Action<JsonObject>? more = null)
    {
        call.Confirm();
        var (server, rest) = QueueViewer.Target(call, "Identity");
        var rows = QueueViewer.Rows(call, server, "queues");
        if (rest != null)
        {
            rows = rows.Where(row => QueueIdentities.QueueMatches(row, rest)).ToList();
            if (rows.Count == 0) throw QueueViewer.Missing("queue", call.Text("Identity")!);
            if (rows.Count > 1) throw Ambiguous("queue", call.Text("Identity")!);
        }
        foreach (JsonObject row in rows) Do(call, server, what, "queue", row, more);
    }

    static void OnMessages(Call call, string what, Action<JsonObject>? more = null)
    {
        call.Confirm();
        var (server, rest) = QueueViewer.Target(call, "Identity");
        var rows = QueueViewer.Rows(call, server, "messages");
        if (rest != null)
        {
            rows = rows.Where(row => QueueIdentities.MessageMatches(row, rest)).ToList();
            if (rows.Count == 0) throw QueueViewer.Missing("message", call.Text("Identity")!);
            if (rows.Count > 1) throw Ambiguous("message", call.Text("Identity")!);
        }
        foreach (JsonObject row in rows) Do(call, server, what, "message", row, more);
    }

    static Failure Ambiguous(string what, string identity) => new("LocalizedException",
        $"The identity \"{identity}\" matches more than one {what}. Use the Filter parameter.", System.Management.Automation.ErrorCategory.InvalidArgument, identity);

    // One that the transport refuses does not keep it from the others.
    static void Do(Call call, string server, string what, string key, JsonObject row, Action<JsonObject>? more)
    {
        if (call.WhatIf) return;
        string identity = row.Text("Identity")!;
        try
        {
            if (what == "remove-message" && QueueIdentities.QueueOf(row).EndsWith("\\Submission", StringComparison.OrdinalIgnoreCase))
                throw new Failure("LocalizedException", $"The message {identity} is in the Submission queue: messages can't be removed from it.");
            var request = new JsonObject { ["do"] = what, [key] = identity };
            more?.Invoke(request);
            TransportControl.Ask(call, server, request);
        }
        catch (Failure failure) when (failure.Category != System.Management.Automation.ErrorCategory.ResourceUnavailable)
        {
            call.Error(failure);
        }
    }

    public static void Export(Call call)
    {
        call.Confirm();
        var (server, rest) = QueueViewer.Target(call, "Identity");
        if (rest == null) throw QueueViewer.Missing("message", "");
        var rows = QueueViewer.Rows(call, server, "messages").Where(row => QueueIdentities.MessageMatches(row, rest)).ToList();
        if (rows.Count != 1) throw rows.Count == 0 ? QueueViewer.Missing("message", call.Text("Identity")!) : Ambiguous("message", call.Text("Identity")!);
        if (!Permissions.Same(rows[0].Text("Status") ?? "", "Suspended"))
            throw new Failure("LocalizedException", $"The message {rows[0].Text("Identity")} must be suspended before it can be exported.");
        JsonObject answer = TransportControl.Ask(call, server, new JsonObject { ["do"] = "export-message", ["message"] = rows[0].Text("Identity") });
        byte[] eml = Convert.FromBase64String(answer.Text("eml") ?? "");
        for (int at = 0; at < eml.Length; at += 65536)  // In pieces: who takes the first alone has a broken message.
            call.Write(new BinaryFileDataObject(eml[at..Math.Min(at + 65536, eml.Length)]));
    }

    /// Moves what is in the delivery queues to other servers: not what is suspended, shadow or poison.
    public static void Redirect(Call call)
    {
        call.Confirm();
        JsonObject organisation = call.World.Read();
        string server = Servers.Name(call, organisation, call.Text("Server"));
        foreach (string target in call.Texts("Target"))
        {
            string name = Servers.Name(call, organisation, target);
            if (!target.Contains('.')) throw Failure.BadArgument("Target", target, "it must be a fully qualified domain name.");
            if (!call.WhatIf) TransportControl.Ask(call, server, new JsonObject { ["do"] = "redirect", ["target"] = name });
        }
    }

    public static void Digest(Call call)
    {
        JsonObject organisation = call.World.Read();
        var servers = call.Has("Server") ? call.Texts("Server").Select(asked => Servers.Name(call, organisation, asked)).ToList()
            : organisation["servers"]!.AsObject().Where(pair => pair.Value!.AsObject().Text("role") != "Edge").Select(pair => pair.Key).ToList();
        var rows = new List<(string Server, JsonObject Row)>();
        foreach (string server in servers)
        {
            try { rows.AddRange(QueueViewer.Rows(call, server, "queues").Select(row => (server, row))); }
            catch (Failure failure) { call.Warn(failure.Message); }
        }
        // Only queues of ten messages or more are in it (QueueLoggingThreshold).
        foreach (var group in rows.Where(pair => ((int?)pair.Row["MessageCount"] ?? 0) >= 10).GroupBy(pair => pair.Row.Text("NextHopDomain") ?? ""))
        {
            var shown = new System.Management.Automation.PSObject();
            shown.TypeNames.Insert(0, "Microsoft.Exchange.Management.QueueDigest.QueueDigestPresentationObject");
            void add(string name, object? value) => shown.Properties.Add(new System.Management.Automation.PSNoteProperty(name, value));
            add("GroupByValue", group.Key);
            add("MessageCount", group.Sum(pair => (int?)pair.Row["MessageCount"] ?? 0));
            add("Details", group.Select(pair => $"{pair.Row.Text("Identity")}").ToArray());
            call.Write(shown);
        }
    }
}
