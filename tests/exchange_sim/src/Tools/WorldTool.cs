using System.Text.Json.Nodes;
using Mailquench.ExchangeSim.Exchange;
using Mailquench.ExchangeSim.World;

namespace Mailquench.ExchangeSim.Tools;

/// exchange-sim world WORLD --name Contoso [--domain contoso.test] --server NAME,VERSION,ROLE[,key=value...] ...
/// Keys: site, dag, address (listened on), ports=25+OFFSET, smarthost=HOST:PORT, build, subscribed (Edge), install (its path as the server sees it).
static class WorldTool
{
    const string Usage = "usage: exchange-sim world WORLD [--name N] [--domain D] [--mailbox ADDRESS:PASSWORD]... [--smart-host HOST:PORT] --server NAME,VERSION,ROLE[,key=value]...";

    public static int Run(string[] args)
    {
        if (args.Length == 0) return Bad("no folder is named");
        string folder = Path.GetFullPath(args[0]), name = "Contoso", domain = "contoso.test", smartHost = "";
        var servers = new List<ServerWish>();
        var mailboxes = new JsonArray();
        for (int at = 1; at < args.Length; ++at)
        {
            if (at + 1 >= args.Length) return Bad($"{args[at]} has no value");
            string value = args[at + 1];
            switch (args[at++])
            {
                case "--name": name = value; break;
                case "--domain": domain = value; break;
                case "--smart-host": smartHost = value; break;
                case "--mailbox":
                    string[] parts = value.Split(':', 2);
                    mailboxes.Add(new JsonObject { ["Name"] = parts[0].Split('@')[0], ["UserPrincipalName"] = parts[0], ["PrimarySmtpAddress"] = parts[0], ["Password"] = parts.Length > 1 ? parts[1] : "" });
                    break;
                case "--server":
                    if (ServerWish.Parse(value) is not { } wish) return Bad($"--server {value}");
                    servers.Add(wish);
                    break;
                default: return Bad(args[at - 1]);
            }
        }
        if (servers.Count == 0) return Bad("no --server");
        if (File.Exists(Path.Combine(folder, "organisation.json"))) throw new SimException($"{folder} has a world already");
        Json.WriteFile(Path.Combine(folder, "organisation.json"), Organisation(name, domain, smartHost, mailboxes, servers, folder));
        foreach (ServerWish server in servers) InstallFolder.Make(new WorldFolder(folder).ServerFolder(server.Name), server);
        return 0;
    }

    static int Bad(string why)
    {
        Console.Error.WriteLine($"exchange-sim: {why}\n{Usage}");
        return 2;
    }

    static JsonObject Organisation(string name, string domain, string smartHost, JsonArray mailboxes, List<ServerWish> servers, string folder)
    {
        JsonObject remote = Kind.Defaults("RemoteDomain"), accepted = Kind.Defaults("AcceptedDomain"), send = Kind.Defaults("SendConnector");
        remote["Name"] = "Default";
        remote["DomainName"] = "*";
        (accepted["Name"], accepted["DomainName"], accepted["Default"]) = (domain, domain, true);
        send["Name"] = "Internet";
        send["AddressSpaces"] = new JsonArray("SMTP:*;1");
        if (smartHost.Length > 0) (send["SmartHosts"], send["DNSRoutingEnabled"]) = (new JsonArray(smartHost), false);
        send["SourceTransportServers"] = new JsonArray(servers.Where(server => !server.IsEdge).Select(server => (JsonNode?)server.Name).ToArray());
        var all = new JsonObject();
        foreach (ServerWish server in servers) all[server.Name] = Server(server, domain, folder);
        var dags = new JsonArray();
        foreach (var dag in servers.Where(server => server.Dag != null).GroupBy(server => server.Dag))
            dags.Add(new JsonObject { ["Name"] = dag.Key, ["Servers"] = new JsonArray(dag.Select(server => (JsonNode?)server.Name).ToArray()) });
        var result = new JsonObject
        {
            ["name"] = name, ["guid"] = Guid.NewGuid().ToString(), ["transport_config"] = Kind.Defaults("TransportConfig"),
            ["remote_domains"] = new JsonArray(remote), ["accepted_domains"] = new JsonArray(accepted), ["transport_rules"] = new JsonArray(),
            ["send_connectors"] = new JsonArray(send), ["dags"] = dags, ["mailboxes"] = mailboxes, ["servers"] = all,
        };
        if (servers.Any(server => server.IsEdge && server.Subscribed))
            result["edge_subscription"] = new JsonObject { ["Name"] = servers.First(server => server.IsEdge).Name, ["Site"] = "Default-First-Site-Name", ["Domain"] = domain };
        return result;
    }

    static JsonObject Server(ServerWish wish, string domain, string folder)
    {
        JsonObject service = Kind.Defaults("TransportService");
        string install = wish.Install ?? new WorldFolder(folder).ServerFolder(wish.Name);
        char slash = install.Contains('\\') ? '\\' : Path.DirectorySeparatorChar;
        string below(params string[] parts) => install.TrimEnd('\\', '/') + slash + string.Join(slash, parts);
        service["MessageTrackingLogPath"] = below("TransportRoles", "Logs", "MessageTracking");
        service["PickupDirectoryPath"] = below("TransportRoles", "Pickup");
        service["ReplayDirectoryPath"] = below("TransportRoles", "Replay");
        service["ReceiveProtocolLogPath"] = below("TransportRoles", "Logs", wish.IsEdge ? "Edge" : "Hub", "ProtocolLog", "SmtpReceive");
        service["SendProtocolLogPath"] = below("TransportRoles", "Logs", wish.IsEdge ? "Edge" : "Hub", "ProtocolLog", "SmtpSend");
        var result = new JsonObject
        {
            ["version"] = wish.Version, ["build"] = wish.Build, ["role"] = wish.IsEdge ? "Edge" : "Mailbox", ["fqdn"] = $"{wish.Name.ToLowerInvariant()}.{domain}",
            ["components"] = new JsonObject(), ["receive_connectors"] = DefaultConnectors.Of(wish, domain), ["transport_service"] = service, ["firewall"] = new JsonArray(),
        };
        if (!wish.IsEdge) result["site"] = wish.Site;
        if (wish.Dag != null) result["dag"] = wish.Dag;
        return result;
    }
}

/// One --server.
sealed record ServerWish(string Name, string Version, bool IsEdge)
{
    public string Site { get; private init; } = "Default-First-Site-Name";
    public string? Dag { get; private init; }
    public string Address { get; private init; } = "0.0.0.0";
    public int Offset { get; private init; }
    public string Build { get; private init; } = "";
    public bool Subscribed { get; private init; }
    public string? Install { get; private init; }

    public static ServerWish? Parse(string text)
    {
        string[] words = text.Split(',');
        if (words.Length < 3 || words[0].Length == 0) return null;
        string version = words[1].ToUpperInvariant();
        string? build = version switch { "EX2013" => "15.0.1497.48", "EX2016" => "15.1.2507.39", "EX2019" => "15.2.1544.4", "EXSE" => "15.2.2562.17", _ => null };
        bool edge = words[2].Equals("Edge", StringComparison.OrdinalIgnoreCase);
        if (build == null || (!edge && !words[2].Equals("Mailbox", StringComparison.OrdinalIgnoreCase))) return null;
        var result = new ServerWish(words[0], version, edge) { Build = build };
        foreach (string word in words[3..])
        {
            string[] pair = word.Split('=', 2);
            string value = pair.Length > 1 ? pair[1] : "";
            switch (pair[0])
            {
                case "site": result = result with { Site = value }; break;
                case "dag": result = result with { Dag = value }; break;
                case "address": result = result with { Address = value }; break;
                case "build": result = result with { Build = value }; break;
                case "install": result = result with { Install = value }; break;
                case "subscribed": result = result with { Subscribed = true }; break;
                case "ports" when value.StartsWith("25+") && int.TryParse(value[3..], out int offset): result = result with { Offset = offset }; break;
                default: return null;
            }
        }
        return result;
    }
}
