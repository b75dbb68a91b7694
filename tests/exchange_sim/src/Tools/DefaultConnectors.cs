using System.Text.Json.Nodes;
using Mailquench.ExchangeSim.Exchange;
using Mailquench.ExchangeSim.World;

namespace Mailquench.ExchangeSim.Tools;

/// The receive connectors that setup makes (A5).
static class DefaultConnectors
{
    const string Basic = "Tls, Integrated, BasicAuth, BasicAuthRequireTLS", All = Basic + ", ExchangeServer";

    public static JsonArray Of(ServerWish server, string domain)
    {
        (string Name, string Role, int Port, string Auth, string Groups, bool Verbose)[] wanted = server.IsEdge
            ? [($"Default internal receive connector {server.Name}", "HubTransport", 25, "Tls, ExchangeServer", "AnonymousUsers, ExchangeServers, Partners", false)]
            :
            [
                ($"Default {server.Name}", "HubTransport", 2525, All, "ExchangeUsers, ExchangeServers, ExchangeLegacyServers", false),
                ($"Client Proxy {server.Name}", "HubTransport", 465, All, "ExchangeUsers, ExchangeServers", false),
                ($"Default Frontend {server.Name}", "FrontendTransport", 25, All, "AnonymousUsers, ExchangeServers, ExchangeLegacyServers", true),
                ($"Outbound Proxy Frontend {server.Name}", "FrontendTransport", 717, All, "ExchangeServers", true),
                ($"Client Frontend {server.Name}", "FrontendTransport", 587, Basic, "ExchangeUsers", true),
            ];
        var result = new JsonArray();
        foreach (var (name, role, port, auth, groups, verbose) in wanted)
        {
            JsonObject connector = Kind.Defaults("ReceiveConnector");
            connector["Name"] = name;
            connector["Server"] = server.Name;
            connector["TransportRole"] = role;
            connector["Bindings"] = Bindings(server, port);
            connector["RemoteIPRanges"] = server.Address.Contains(':') || server.Address != "0.0.0.0" ? new JsonArray("0.0.0.0-255.255.255.255")
                : new JsonArray("::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "0.0.0.0-255.255.255.255");
            connector["AuthMechanism"] = auth;
            connector["Fqdn"] = $"{server.Name.ToLowerInvariant()}.{domain}";
            if (verbose) connector["ProtocolLoggingLevel"] = "Verbose";
            if (name.StartsWith("Client")) (connector["MessageRateLimit"], connector["MessageRateSource"]) = (5, "User");
            if (server.IsEdge) connector["MessageRateLimit"] = 600;
            if (role == "HubTransport" && !server.IsEdge) (connector["MaxRecipientsPerMessage"], connector["MaxInboundConnectionPerSource"], connector["MaxInboundConnectionPercentagePerSource"]) = (5000, "Unlimited", 100);
            Permissions.SetGroups(connector, [], Microsoft.Exchange.Data.PermissionGroups.None, Permissions.Parse(groups));
            result.Add(connector);
        }
        return result;
    }

    static JsonArray Bindings(ServerWish server, int port)
    {
        int at = port + server.Offset;
        return server.Address == "0.0.0.0" ? new JsonArray($"0.0.0.0:{at}", $"[::]:{at}") : new JsonArray(server.Address.Contains(':') ? $"[{server.Address}]:{at}" : $"{server.Address}:{at}");
    }
}
