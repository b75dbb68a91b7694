using System.Text.Json.Nodes;
using Mailquench.ExchangeSim.World;
using Microsoft.Exchange.Data;

namespace Mailquench.ExchangeSim.Exchange;

/// The access control entries of a receive connector. Permission groups are but names for sets of them (A5).
static class Permissions
{
    const string P = "ms-Exch-";
    static readonly string[] Routed = [P + "Accept-Headers-Routing"];
    static readonly string[] Trusted =
    [
        P + "Accept-Headers-Routing", P + "Bypass-Anti-Spam", P + "Bypass-Message-Size-Limit", P + "SMTP-Accept-Any-Recipient", P + "SMTP-Accept-Any-Sender",
        P + "SMTP-Accept-Authentication-Flag", P + "SMTP-Accept-Authoritative-Domain-Sender", P + "SMTP-Accept-Exch50", P + "SMTP-Submit",
    ];
    static readonly string[] Internal = [P + "Accept-Headers-Forest", P + "Accept-Headers-Organization", .. Trusted];

    public static readonly HashSet<string> Rights = new(StringComparer.OrdinalIgnoreCase)
    {
        P + "Accept-Headers-Forest", P + "Accept-Headers-Organization", P + "Accept-Headers-Routing", P + "Bypass-Anti-Spam", P + "Bypass-Message-Size-Limit",
        P + "SMTP-Accept-Any-Recipient", P + "SMTP-Accept-Any-Sender", P + "SMTP-Accept-Authentication-Flag", P + "SMTP-Accept-Authoritative-Domain-Sender",
        P + "SMTP-Accept-Exch50", P + "SMTP-Accept-XShadow", P + "SMTP-Submit", P + "Send-Headers-Forest", P + "Send-Headers-Organization", P + "Send-Headers-Routing",
        P + "SMTP-Send-Exch50", P + "SMTP-Send-XShadow",
    };

    public static readonly (PermissionGroups Group, string User, string[] Rights)[] Presets =
    [
        (PermissionGroups.AnonymousUsers, @"NT AUTHORITY\ANONYMOUS LOGON",
            [.. Routed, P + "SMTP-Accept-Any-Sender", P + "SMTP-Accept-Authoritative-Domain-Sender", P + "SMTP-Submit"]),
        (PermissionGroups.ExchangeUsers, @"NT AUTHORITY\Authenticated Users",
            [.. Routed, P + "Bypass-Anti-Spam", P + "SMTP-Accept-Any-Recipient", P + "SMTP-Submit"]),
        (PermissionGroups.ExchangeServers, @"CONTOSO\Exchange Servers", Internal),
        (PermissionGroups.ExchangeServers, @"MS Exchange\Edge Transport Servers", Internal),
        (PermissionGroups.ExchangeServers, @"MS Exchange\Hub Transport Servers", Internal),
        (PermissionGroups.ExchangeServers, @"MS Exchange\Externally Secured Servers",
            [P + "Accept-Headers-Routing", P + "Bypass-Anti-Spam", P + "Bypass-Message-Size-Limit", P + "SMTP-Accept-Any-Recipient", P + "SMTP-Accept-Any-Sender",
             P + "SMTP-Accept-Authentication-Flag", P + "SMTP-Accept-Authoritative-Domain-Sender", P + "SMTP-Accept-Exch50", P + "SMTP-Submit"]),
        (PermissionGroups.ExchangeLegacyServers, @"CONTOSO\ExchangeLegacyInterop", Trusted),
        (PermissionGroups.Partners, @"MS Exchange\Partner Servers", [.. Routed, P + "SMTP-Submit"]),
    ];

    public static PermissionGroups Parse(string? text) => Enum.TryParse(text, true, out PermissionGroups groups) ? groups : PermissionGroups.None;

    /// Every entry that the connector has, one right each.
    public static HashSet<(string User, string Right, bool Deny)> Entries(JsonObject connector)
    {
        var result = new HashSet<(string, string, bool)>();
        foreach (JsonObject entry in (connector["Permissions"] as JsonArray ?? []).OfType<JsonObject>())
            foreach (string right in entry.Texts("ExtendedRights"))
                result.Add((entry.Text("User")!, right, entry.Bool("Deny")));
        // One written by hand, in a test's world, may name the groups alone.
        foreach (var (group, user, rights) in Presets)
            if (Parse(connector.Text("PermissionGroups")).HasFlag(group) && !result.Any(entry => Same(entry.Item1, user) && !entry.Item3 && rights.Contains(entry.Item2, StringComparer.OrdinalIgnoreCase) && entry.Item2 != P + "SMTP-Accept-Any-Recipient"))
                foreach (string right in rights) result.Add((user, right, false));
        return result;
    }

    /// Writes the entries, and the groups that they come to: Custom where an entry belongs to none of them.
    public static void Store(JsonObject connector, HashSet<(string User, string Right, bool Deny)> entries)
    {
        var array = new JsonArray();
        foreach (var one in entries.GroupBy(entry => (User: entry.User.ToLowerInvariant(), entry.Deny)))
            array.Add(new JsonObject
            {
                ["User"] = one.First().User, ["Deny"] = one.Key.Deny, ["IsInherited"] = false,
                ["ExtendedRights"] = new JsonArray(one.Select(entry => (JsonNode?)entry.Right).OrderBy(right => right!.ToString(), StringComparer.Ordinal).ToArray()),
            });
        connector["Permissions"] = array;
        connector["PermissionGroups"] = Groups(entries).ToString();
    }

    static PermissionGroups Groups(HashSet<(string User, string Right, bool Deny)> entries)
    {
        var groups = PermissionGroups.None;
        foreach (var byGroup in Presets.GroupBy(preset => preset.Group))
            if (byGroup.All(preset => preset.Rights.All(right => Has(entries, preset.User, right)))) groups |= byGroup.Key;
        bool explained(string user, string right) => Presets.Any(preset => groups.HasFlag(preset.Group) && Same(preset.User, user) &&
                                                                            preset.Rights.Contains(right, StringComparer.OrdinalIgnoreCase));
        if (entries.Any(entry => entry.Deny || !explained(entry.User, entry.Right))) groups |= PermissionGroups.Custom;
        return groups;
    }

    static bool Has(HashSet<(string User, string Right, bool Deny)> entries, string user, string right) =>
        entries.Any(entry => !entry.Deny && Same(entry.User, user) && Same(entry.Right, right));

    /// Setting groups takes away the entries of those that were there, and writes those of the new ones.
    public static void SetGroups(JsonObject connector, HashSet<(string User, string Right, bool Deny)> entries, PermissionGroups before, PermissionGroups wanted)
    {
        foreach (var (group, user, rights) in Presets)
            if (before.HasFlag(group) && !wanted.HasFlag(group))
                entries.RemoveWhere(entry => !entry.Deny && Same(entry.User, user) && rights.Contains(entry.Right, StringComparer.OrdinalIgnoreCase));
        foreach (var (group, user, rights) in Presets)
            if (wanted.HasFlag(group))
                foreach (string right in rights)
                    if (!Has(entries, user, right)) entries.Add((user, right, false));
        Store(connector, entries);
    }

    public static bool Same(string one, string other) => one.Equals(other, StringComparison.OrdinalIgnoreCase);
}
