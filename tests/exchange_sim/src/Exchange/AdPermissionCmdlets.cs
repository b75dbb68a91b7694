using System.Management.Automation;
using System.Text.Json.Nodes;
using Mailquench.ExchangeSim.World;

namespace Mailquench.ExchangeSim.Exchange;

/// Get-, Add- and Remove-ADPermission, of receive connectors (and of send connectors, which have no entries here).
static class AdPermissionCmdlets
{
    public static void Get(Call call)
    {
        JsonObject connector = ReceiveConnectors.Find(call, call.World.Read(), call.Text("Identity"));
        string identity = ReceiveConnectors.Kind.IdentityOf(connector);
        if (call.Flag("Owner"))
        {
            var owner = new PSObject();
            owner.Properties.Add(new PSNoteProperty("Identity", identity));
            owner.Properties.Add(new PSNoteProperty("Owner", @"CONTOSO\Domain Admins"));
            call.Write(owner);
            return;
        }
        string? user = call.Text("User");
        if (user != null) user = Principal(user);
        foreach (var (who, right, deny) in Permissions.Entries(connector).OrderBy(entry => entry.User).ThenBy(entry => entry.Right))
            if (user == null || Permissions.Same(user, who)) call.Write(Show(identity, who, [right], [], deny, inherited: false));
        foreach (var (who, access) in new[] { (@"NT AUTHORITY\SYSTEM", "GenericAll"), (@"NT AUTHORITY\Authenticated Users", "ReadProperty"), (@"CONTOSO\Organization Management", "GenericAll") })
            if (user == null || Permissions.Same(user, who)) call.Write(Show(identity, who, [], [access], deny: false, inherited: true));
    }

    static PSObject Show(string identity, string user, string[] extended, string[] access, bool deny, bool inherited)
    {
        var row = new PSObject();
        row.TypeNames.Insert(0, "Microsoft.Exchange.Management.RecipientTasks.ADAcePresentationObject");
        void add(string name, object? value) => row.Properties.Add(new PSNoteProperty(name, value));
        add("AccessRights", access.Length == 0 ? new[] { "ExtendedRight" } : access);
        add("ExtendedRights", extended.Length == 0 ? null : new Microsoft.Exchange.Data.MultiValuedProperty<string>(extended));
        add("ChildObjectTypes", null);
        add("InheritedObjectType", null);
        add("Properties", null);
        add("Deny", deny);
        add("InheritanceType", "All");
        add("User", user);
        add("Identity", identity);
        add("IsInherited", inherited);
        add("IsValid", true);
        return row;
    }

    /// "Anonymous Logon" and the like are found without their domain, too.
    static string Principal(string given)
    {
        foreach (var (_, user, _) in Permissions.Presets)
            if (Permissions.Same(user, given) || Permissions.Same(user[(user.IndexOf('\\') + 1)..], given)) return user;
        if (!given.Contains('\\') && !given.Contains('@'))
            throw new Failure("ManagementObjectNotFoundException", $"Couldn't find the user or group \"{given}\".", ErrorCategory.InvalidArgument);
        return given;
    }

    public static void Add(Call call) => Change(call, add: true);
    public static void Remove(Call call) => Change(call, add: false);

    static void Change(Call call, bool add)
    {
        call.Confirm();
        if (!call.Has("User")) throw new Failure("NotSupportedException", "Entries are changed by user here: the other parameter sets are not simulated.", ErrorCategory.NotImplemented);
        string user = Principal(call.Text("User")!);
        var rights = call.Texts("ExtendedRights").SelectMany(item => item.Split(',')).Select(item => item.Trim()).Where(item => item.Length > 0).ToList();
        foreach (string right in rights)
            if (!Permissions.Rights.Contains(right))
                throw new Failure("ManagementObjectNotFoundException", $"The extended right \"{right}\" couldn't be found.", ErrorCategory.InvalidArgument);
        if (rights.Count == 0)
            throw new Failure("ArgumentException", "You must specify -ExtendedRights: -AccessRights alone is not simulated.", ErrorCategory.InvalidArgument);
        bool deny = call.Flag("Deny");
        call.World.Change(organisation =>
        {
            JsonObject connector = ReceiveConnectors.Find(call, organisation, call.Text("Identity"));
            string identity = ReceiveConnectors.Kind.IdentityOf(connector);
            var entries = Permissions.Entries(connector);
            foreach (string right in rights)
            {
                var there = entries.Where(entry => Permissions.Same(entry.User, user) && Permissions.Same(entry.Right, right) && entry.Deny == deny).ToList();
                if (add && there.Count > 0)
                    call.Warn($"The appropriate access control entry is already present on the object \"{identity}\" for account \"{user}\".");
                else if (add) entries.Add((user, Permissions.Rights.TryGetValue(right, out string? exact) ? exact : right, deny));
                else if (there.Count == 0)
                    call.Warn($"Can't remove the access control entry on the object \"{identity}\" for account \"{user}\" because the ACE isn't present.");
                else entries.Remove(there[0]);
            }
            if (call.WhatIf) return;
            Permissions.Store(connector, entries);
            if (add) foreach (string right in rights) call.Write(Show(identity, user, [right], [], deny, inherited: false));
        });
    }
}
