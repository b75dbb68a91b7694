using System.Text.Json.Nodes;
using Mailquench.ExchangeSim.Catalogue;
using Mailquench.ExchangeSim.World;

namespace Mailquench.ExchangeSim.Exchange;

/// Mail flow rules: conditions and actions are stored as they were given, after what can be checked of them.
static class TransportRules
{
    static readonly Kind Kind = new("TransportRule", "Microsoft.Exchange.MessagingPolicies.Rules.Tasks.Rule", organisation => organisation.Array("transport_rules"));
    static readonly Generic Generic = new(Kind)
    {
        Check = Check,
        Filter = (call, _, thing) => !call.Has("State") || Permissions.Same(call.Text("State")!, thing.Text("State") ?? "Enabled"),
    };

    static readonly string[] Actions =
    [
        "AddManagerAsRecipientType", "AddToRecipients", "ApplyClassification", "ApplyHtmlDisclaimerText", "ApplyRightsProtectionTemplate", "BlindCopyTo", "CopyTo",
        "DeleteMessage", "Disconnect", "GenerateIncidentReport", "LogEventText", "ModerateMessageByManager", "ModerateMessageByUser", "NotifySender", "PrependSubject",
        "Quarantine", "RedirectMessageTo", "RejectMessageEnhancedStatusCode", "RejectMessageReasonText", "RemoveHeader", "RouteMessageOutboundConnector",
        "RouteMessageOutboundRequireTls", "SetAuditSeverity", "SetHeaderName", "SetSCL", "SmtpRejectMessageRejectStatusCode", "SmtpRejectMessageRejectText", "StopRuleProcessing",
    ];

    public static void Get(Call call) => Generic.Get(call);
    public static void Set(Call call) => Generic.Set(call);

    public static void New(Call call)
    {
        JsonObject start = new() { ["State"] = !call.Has("Enabled") || call.Flag("Enabled") ? "Enabled" : "Disabled", ["Mode"] = "Enforce" };
        if (!call.Has("Priority")) start["Priority"] = call.World.Read().Array("transport_rules").Count;
        Generic.New(call, start);
        call.World.Change(organisation => Renumber(organisation, call.Text("Name")));
    }

    public static void Remove(Call call)
    {
        Generic.Remove(call);
        call.World.Change(organisation => Renumber(organisation, null));
    }

    public static void Enable(Call call) => State(call, "Enabled");
    public static void Disable(Call call) => State(call, "Disabled");

    static void State(Call call, string state) => Generic.Change(call, (_, thing) =>
    {
        thing["State"] = state;
        if (state == "Enabled" && call.Has("Mode")) thing["Mode"] = call.Text("Mode");
    });

    // Priorities are 0..n-1 without gaps; a new one pushes down those that were there.
    static void Renumber(JsonObject organisation, string? newest)
    {
        var sorted = organisation.Array("transport_rules").OfType<JsonObject>()
            .OrderBy(rule => (int?)rule["Priority"] ?? int.MaxValue).ThenBy(rule => newest != null && rule.Text("Name") == newest ? 0 : 1).ToList();
        organisation.Array("transport_rules").Clear();
        for (int at = 0; at < sorted.Count; ++at)
        {
            sorted[at]["Priority"] = at;
            sorted[at].Remove("Enabled");
            organisation.Array("transport_rules").Add(sorted[at]);
        }
    }

    static void Check(Call call, JsonObject organisation, JsonObject thing, JsonObject? before)
    {
        if (before == thing) return;  // It goes away.
        if (!Actions.Any(action => thing[action] is { } value && value.ToJsonString() is not ("null" or "false" or "[]")))
            throw new Failure("ArgumentException", "You must specify at least one action.", System.Management.Automation.ErrorCategory.InvalidArgument);
        foreach (var (name, value) in thing)
            if (value != null && call.Spec.Parameters.TryGetValue(name, out Parameter? parameter) && parameter.Type == "RecipientIdParameter[]")
                foreach (string recipient in thing.Texts(name)) Recipient(call, organisation, recipient);
        string? status = thing.Text("RejectMessageEnhancedStatusCode");
        if (status != null && status != "5.7.1" && !(status.StartsWith("5.7.") && int.TryParse(status[4..], out int last) && last is >= 900 and <= 999))
            throw Failure.BadArgument("RejectMessageEnhancedStatusCode", status, "it is neither 5.7.1 nor between 5.7.900 and 5.7.999.");
        if (thing["RejectMessageReasonText"] != null && thing.Bool("DeleteMessage"))
            throw new Failure("ArgumentException", "The actions RejectMessage and DeleteMessage can't be used together.", System.Management.Automation.ErrorCategory.InvalidArgument);
        if (thing.Text("Name") is { Length: > 64 })
            throw Failure.BadArgument("Name", thing.Text("Name"), "it is longer than 64 characters.");
        if (thing["Priority"] is JsonValue priority && (priority.GetValue<int>() < 0 || priority.GetValue<int>() > organisation.Array("transport_rules").Count))
            throw Failure.BadArgument("Priority", priority, "it is beyond the number of rules.");
    }

    static void Recipient(Call call, JsonObject organisation, string asked)
    {
        foreach (JsonObject mailbox in organisation.Array("mailboxes").OfType<JsonObject>())
            if (new[] { "PrimarySmtpAddress", "UserPrincipalName", "Name", "Alias" }.Any(key => Permissions.Same(mailbox.Text(key) ?? "", asked))) return;
        throw new Failure("RecipientNotFoundException", $"Couldn't find object \"{asked}\". Please make sure that it was spelled correctly or specify a different object.");
    }
}
