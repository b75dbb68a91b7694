using System.Text.Json.Nodes;

namespace Mailquench.ExchangeSim.World;

/// The folder that the parts of the stand-in meet in; README.md describes it.
sealed class WorldFolder(string path)
{
    public string Folder { get; } = Path.GetFullPath(path);
    string Organisation => Path.Combine(Folder, "organisation.json");
    public string ServerFolder(string server) => Path.Combine(Folder, "servers", server);
    public string SimFile(string server, string name) => Path.Combine(ServerFolder(server), "sim", name);

    public JsonObject Read() => Json.ReadFile(Organisation) as JsonObject
        ?? throw new SimException($"{Folder} is no world: organisation.json is missing; make one with: exchange-sim world");

    /// One read-modify-write under the lock; what throws changes nothing.
    public void Change(Action<JsonObject> change)
    {
        using FileStream _ = Lock(Path.Combine(Folder, "organisation.lock"));
        JsonObject organisation = Read();
        string before = organisation.ToJsonString();
        change(organisation);
        if (organisation.ToJsonString() != before) Json.WriteFile(Organisation, organisation);
    }

    public static FileStream Lock(string path)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        for (int tries = 0; ; ++tries)
        {
            try
            {
                // Servers that run in a Wine each know of one another's files, not of their locks: there whoever makes the file has it.
                return OperatingSystem.IsWindows()
                    ? new FileStream(path + ".held", FileMode.CreateNew, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose)
                    : new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (Exception held) when (tries < 3000 && held is IOException or UnauthorizedAccessException) { Thread.Sleep(10); }
        }
    }
}
