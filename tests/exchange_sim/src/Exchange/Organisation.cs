using System.Management.Automation;
using System.Text.Json.Nodes;
using Mailquench.ExchangeSim.World;

namespace Mailquench.ExchangeSim.Exchange;

/// What an organisation shares: domains, send connectors, the transport configuration.
static class Organisation
{
    const string Data = "Microsoft.Exchange.Data.Directory.SystemConfiguration.";

    public static readonly Generic RemoteDomains = new(new Kind("RemoteDomain", Data + "DomainContentConfig", organisation => organisation.Array("remote_domains")))
    {
        Check = (call, organisation, thing, before) =>
        {
            NotWhereSubscribed(call, organisation);
            if (before == thing && thing.Text("DomainName") == "*")
                throw new Failure("CannotRemoveDefaultRemoteDomainException", "The remote domain \"Default\" can't be removed.");
            Unique(organisation.Array("remote_domains"), thing, before, "DomainName");
        },
    };

    public static readonly Generic AcceptedDomains = new(new Kind("AcceptedDomain", Data + "AcceptedDomain", organisation => organisation.Array("accepted_domains")))
    {
        Check = (call, organisation, thing, before) =>
        {
            NotWhereSubscribed(call, organisation);
            Unique(organisation.Array("accepted_domains"), thing, before, "DomainName");
        },
    };

    public static readonly Generic SendConnectors = new(new Kind("SendConnector", Data + "SmtpSendConnectorConfig", organisation => organisation.Array("send_connectors")))
    {
        Check = (call, organisation, thing, _) =>
        {
            NotWhereSubscribed(call, organisation);
            if (!thing.Texts("AddressSpaces").Any()) throw Failure.BadArgument("AddressSpaces", null, "it is empty.");
        },
    };

    public static readonly Generic TransportConfig = new(new Kind("TransportConfig", Data + "TransportConfigContainer", _ => throw new InvalidOperationException())
    {
        IdentityOf = _ => "Transport Settings",
    })
    {
        Where = (_, organisation) => [organisation.Object("transport_config")],
    };

    // A5: on an Edge server that is subscribed these are read only.
    static void NotWhereSubscribed(Call call, JsonObject organisation)
    {
        if (call.Context.IsEdge && organisation["edge_subscription"] != null)
            throw new Failure("CannotRunOnSubscribedEdgeException",
                $"The {call.Name} cmdlet can't be run on an Edge Transport server that's subscribed to an Active Directory site.");
    }

    static void Unique(JsonArray all, JsonObject thing, JsonObject? before, string property)
    {
        if (before == thing) return;
        string? own = thing.Text(property);
        if (all.OfType<JsonObject>().Any(other => other != thing && other.Text("Name") != (before ?? thing).Text("Name") && own != null && Permissions.Same(own, other.Text(property) ?? "")))
            throw new Failure("DuplicateDomainException", $"\"{own}\" is already defined as the {property} of another object.", ErrorCategory.InvalidArgument);
    }

    public static void EdgeSubscription(Call call)
    {
        if (call.World.Read()["edge_subscription"] is not JsonObject subscription) return;
        var row = new PSObject();
        row.Properties.Add(new PSNoteProperty("Name", subscription.Text("Name") ?? call.Server));
        row.Properties.Add(new PSNoteProperty("Site", subscription.Text("Site")));
        row.Properties.Add(new PSNoteProperty("Domain", subscription.Text("Domain")));
        row.Properties.Add(new PSNoteProperty("Identity", subscription.Text("Name") ?? call.Server));
        call.Write(row);
    }

    public static readonly Generic Mailboxes = new(new Kind("Mailbox", "Microsoft.Exchange.Data.Directory.Management.Mailbox", organisation => organisation.Array("mailboxes"))
    {
        IdentityOf = thing => thing.Text("Name") ?? thing.Text("UserPrincipalName") ?? "",
        AlsoBy = ["UserPrincipalName", "PrimarySmtpAddress", "Alias"],
    });

    public static void EventLogLevel(Call call)
    {
        foreach (string category in new[] { "MSExchangeTransport\\SmtpReceive", "MSExchangeTransport\\SmtpSend", "MSExchangeTransport\\Routing" })
        {
            string identity = call.Server + "\\" + category;
            string? asked = call.Text("Identity");
            if (!string.IsNullOrEmpty(asked) && !identity.EndsWith(asked, StringComparison.OrdinalIgnoreCase)) continue;
            var row = new PSObject();
            row.Properties.Add(new PSNoteProperty("Identity", identity));
            row.Properties.Add(new PSNoteProperty("Name", category.Split('\\')[1]));
            row.Properties.Add(new PSNoteProperty("EventLevel", "Lowest"));
            call.Write(row);
        }
    }
}
