using System.Management.Automation;
using System.Net;
using System.Text.Json.Nodes;
using Mailquench.ExchangeSim.World;

namespace Mailquench.ExchangeSim.Exchange;

/// The list of the Connection Filtering agent of an Edge server: "ip_block_list" of its organisation.json. The names of what
/// comes out are those of the cmdlets' parameters, and Identity, a number; the pages show no more.
static class IpBlockList
{
    static JsonArray Entries(JsonObject organisation) => organisation.Array("ip_block_list");

    public static void Get(Call call)
    {
        string? asked = call.Text("Identity");
        foreach (JsonObject entry in Entries(call.World.Read()).OfType<JsonObject>())
            // Nothing, and what does not exist, gives all: the page says so.
            if (string.IsNullOrEmpty(asked) || asked == entry.Text("Identity")) call.Write(Show(entry));
    }

    public static void Add(Call call)
    {
        call.Confirm();
        string range = call.Text("IPAddress") ?? call.Text("IPRange") ?? "";
        string[] ends = range.Split('-');
        if (ends.Length > (call.Has("IPAddress") ? 1 : 2) || !ends.All(end => IPAddress.TryParse(end.Split('/')[0], out _)))
            throw Failure.BadArgument(call.Has("IPAddress") ? "IPAddress" : "IPRange", range, "it is none.");
        call.World.Change(organisation =>
        {
            JsonArray all = Entries(organisation);
            if (all.OfType<JsonObject>().Any(entry => entry.Text("IPRange") == range && entry.Text("Comment") == (call.Text("Comment") ?? "")))
                throw new Failure("DuplicateItemException", $"The entry \"{range}\" already exists.");
            int identity = all.OfType<JsonObject>().Select(entry => int.Parse(entry.Text("Identity")!)).DefaultIfEmpty().Max() + 1;
            var entry = new JsonObject { ["Identity"] = identity.ToString(), ["IPRange"] = range, ["Comment"] = call.Text("Comment") ?? "" };
            all.Add(entry);
            call.Write(Show(entry));
        });
    }

    public static void Remove(Call call)
    {
        call.Confirm();
        call.World.Change(organisation =>
        {
            JsonObject entry = Entries(organisation).OfType<JsonObject>().FirstOrDefault(one => one.Text("Identity") == call.Text("Identity"))
                               ?? throw Failure.NotFound(call.Text("Identity") ?? "", call.Server);
            Entries(organisation).Remove(entry);
        });
    }

    static PSObject Show(JsonObject entry)
    {
        var row = new PSObject();
        row.TypeNames.Insert(0, "Microsoft.Exchange.Data.IPListEntry");
        row.Properties.Add(new PSNoteProperty("Identity", int.Parse(entry.Text("Identity")!)));
        row.Properties.Add(new PSNoteProperty("IPRange", entry.Text("IPRange")));
        row.Properties.Add(new PSNoteProperty("Comment", entry.Text("Comment")));
        return row;
    }
}
