using System.Text.Json.Nodes;
using Mailquench.ExchangeSim.World;

namespace Mailquench.ExchangeSim.Exchange;

/// How queues and messages are named: Server\Submission, Server\3, Server\contoso.com, Server\Shadow\4, Server\3\12, *\12 (A4).
static class QueueIdentities
{
    /// The server that an identity begins with, where it does, and the rest.
    public static (string Server, string Inside) Split(Call call, string identity)
    {
        JsonObject servers = call.World.Read()["servers"]!.AsObject();
        int slash = identity.IndexOf('\\');
        string first = slash < 0 ? identity : identity[..slash];
        foreach (var (name, node) in servers)
            if (slash >= 0 && (Permissions.Same(first, name) || Permissions.Same(first, node!.AsObject().Text("fqdn") ?? "")))
                return (name, identity[(slash + 1)..]);
        return (call.Server, identity);
    }

    static string Local(JsonObject row)
    {
        string identity = row.Text("Identity") ?? "";
        return identity[(identity.IndexOf('\\') + 1)..];
    }

    public static bool QueueMatches(JsonObject row, string rest) =>
        rest == "*" || Permissions.Same(Local(row), rest)
        || (row.Text("NextHopDomain") is { } domain && (rest.Contains('*')
            ? new System.Management.Automation.WildcardPattern(rest, System.Management.Automation.WildcardOptions.IgnoreCase).IsMatch(domain)
            : Permissions.Same(domain, rest)));

    public static bool MessageMatches(JsonObject row, string rest)
    {
        string local = Local(row);
        int slash = rest.LastIndexOf('\\');
        string number = rest[(slash + 1)..], queue = slash < 0 ? "*" : rest[..slash];
        int own = local.LastIndexOf('\\');
        return (number == "*" || local[(own + 1)..] == number) && (queue == "*" || Permissions.Same(local[..Math.Max(own, 0)], queue));
    }

    public static string QueueOf(JsonObject message)
    {
        if (message.Text("Queue") is { } queue) return queue;
        string identity = message.Text("Identity") ?? "";
        return identity.Contains('\\') ? identity[..identity.LastIndexOf('\\')] : identity;
    }
}
