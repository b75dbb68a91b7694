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

    static readonly Kind SendConnectorKind = new("SendConnector", Data + "SmtpSendConnectorConfig", organisation => organisation.Array("send_connectors"));
    public static readonly Generic SendConnectors = new(SendConnectorKind)
    {
        Check = (call, organisation, thing, _) =>
        {
            NotWhereSubscribed(call, organisation);
            if (!thing.Texts("AddressSpaces").Any()) throw Failure.BadArgument("AddressSpaces", null, "it is empty.");
            Route(call, thing);
        },
    };

    // The pages of Set- and New-SendConnector: what goes together, what is asked for in one call, and where a parameter counts.
    static void Route(Call call, JsonObject thing)
    {
        bool Given(string parameter) => call.BoundNames.Contains(parameter, StringComparer.OrdinalIgnoreCase);
        if (Given("SourceIPAddress") && !call.Context.IsEdge)
            throw Failure.BadArgument("SourceIPAddress", call.Text("SourceIPAddress"), "it is valid only for Send connectors configured on an Edge server.");
        if (Given("SourceIPAddress") && !System.Net.IPAddress.TryParse(call.Text("SourceIPAddress"), out _))
            throw Failure.BadArgument("SourceIPAddress", call.Text("SourceIPAddress"), "it is no address.");
        bool dns = SendConnectorKind.Get(thing, "DNSRoutingEnabled")?.GetValue<bool>() ?? true, hosts = thing.Texts("SmartHosts").Any(host => host.Length > 0);
        if (dns && hosts) throw new Failure("SendConnectorSmartHostsAndDnsException", "DNSRoutingEnabled must be $false where SmartHosts are given.");
        if (!dns && !hosts) throw new Failure("SendConnectorNoSmartHostsException", "SmartHosts must be given where DNSRoutingEnabled is $false.");
        if (!dns && Given("DNSRoutingEnabled") && !Given("SmartHosts"))
            throw new Failure("SendConnectorNoSmartHostsException", "SmartHosts must be given in the command that sets DNSRoutingEnabled to $false.");
        string how = SendConnectorKind.Get(thing, "SmartHostAuthMechanism")?.ToString() ?? "None";
        if (how != "None" && dns) throw new Failure("SendConnectorAuthWithoutSmartHostException", "SmartHostAuthMechanism is for smart hosts.");
        if (how.StartsWith("BasicAuth") && Given("SmartHostAuthMechanism") && !Given("AuthenticationCredential"))
            throw new Failure("SendConnectorNoCredentialException", "AuthenticationCredential must be given with BasicAuth.");
        if (SendConnectorKind.Get(thing, "Port") is { } port && (port.GetValue<int>() < 0 || port.GetValue<int>() > 65535))
            throw Failure.BadArgument("Port", port, "it is none.");
    }

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
