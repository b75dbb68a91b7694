using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Mailquench.ExchangeSim.World;

static class Json
{
    public static readonly JsonSerializerOptions Layout = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    static readonly JsonDocumentOptions Lenient = new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true };

    /// Null where the file is not there or empty.
    public static JsonNode? ReadFile(string path)
    {
        for (int tries = 0; ; ++tries)
        {
            try
            {
                if (!File.Exists(path)) return null;
                string text = File.ReadAllText(path);
                return text.Length == 0 ? null : JsonNode.Parse(text, null, Lenient);
            }
            catch (FileNotFoundException) { return null; }
            catch (DirectoryNotFoundException) { return null; }
            catch (Exception failure) when (tries < 20 && failure is IOException or UnauthorizedAccessException) { Thread.Sleep(20); }
            catch (JsonException failure) { throw new SimException($"{path} is not JSON: {failure.Message}"); }
        }
    }

    /// Beside it, then renamed over it.
    public static void WriteFile(string path, JsonNode content)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        string beside = $"{path}.{Environment.ProcessId}.new";
        File.WriteAllText(beside, content.ToJsonString(Layout) + "\n");
        for (int tries = 0; ; ++tries)
        {
            try { File.Move(beside, path, overwrite: true); return; }
            catch (Exception failure) when (tries < 50 && failure is IOException or UnauthorizedAccessException) { Thread.Sleep(20); }
        }
    }

    public static string? Text(this JsonObject? json, string key) => json?[key] is JsonValue value ? value.ToString() : null;
    public static bool Bool(this JsonObject? json, string key, bool otherwise = false) =>
        json?[key] is JsonValue value && value.TryGetValue(out bool flag) ? flag : otherwise;
    public static IEnumerable<string> Texts(this JsonObject? json, string key) =>
        json?[key] is JsonArray array ? array.Select(item => item?.ToString() ?? "") : json.Text(key) is { } one ? [one] : [];
    public static JsonArray Array(this JsonObject json, string key)
    {
        if (json[key] is JsonArray there) return there;
        var fresh = new JsonArray();
        json[key] = fresh;
        return fresh;
    }
    public static JsonObject Object(this JsonObject json, string key)
    {
        if (json[key] is JsonObject there) return there;
        var fresh = new JsonObject();
        json[key] = fresh;
        return fresh;
    }
}
