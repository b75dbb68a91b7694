using System.Reflection;
using Mailquench.ExchangeSim.World;

namespace Mailquench.ExchangeSim.Tools;

/// What setup leaves below %ExchangeInstallPath%, as far as anybody here looks at it.
static class InstallFolder
{
    public static void Make(string folder, ServerWish server)
    {
        string[] logs = server.IsEdge ? ["Edge"] : ["Hub", "FrontEnd", "Mailbox"];
        var folders = new List<string> { "Bin", "Scripts", "TransportRoles/data/Queue", "TransportRoles/data/Temp", "TransportRoles/data/IpFilter", "TransportRoles/Pickup",
            "TransportRoles/Replay", "TransportRoles/Logs/MessageTracking", "sim" };
        foreach (string log in logs) folders.AddRange([$"TransportRoles/Logs/{log}/ProtocolLog/SmtpReceive", $"TransportRoles/Logs/{log}/ProtocolLog/SmtpSend"]);
        foreach (string below in folders) Directory.CreateDirectory(Path.Combine(folder, Path.Combine(below.Split('/'))));
        string install = server.Install ?? folder;
        char slash = install.Contains('\\') ? '\\' : Path.DirectorySeparatorChar;
        string root = install.TrimEnd('\\', '/') + slash;
        Put(folder, "Bin/EdgeTransport.exe.config", Resource("EdgeTransport.exe.config")
            .Replace("%ROOT%", System.Security.SecurityElement.Escape(root)).Replace("%SLASH%", slash.ToString()));
        Put(folder, "Bin/exShell.psc1", Resource("exShell.psc1"));
        Put(folder, "Bin/Exchange.ps1", Resource("Exchange.ps1"));
        if (!server.IsEdge) Put(folder, "Bin/RemoteExchange.ps1", Resource("RemoteExchange.ps1"));
        Json.WriteFile(Path.Combine(folder, "sim", "registry.json"), new System.Text.Json.Nodes.JsonObject { ["components"] = new System.Text.Json.Nodes.JsonObject() });
    }

    static void Put(string folder, string below, string text) =>
        File.WriteAllText(Path.Combine(folder, Path.Combine(below.Split('/'))), text.ReplaceLineEndings("\r\n"));

    static string Resource(string name)
    {
        using Stream stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(name)!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
