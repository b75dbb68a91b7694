using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Mailquench.ExchangeSim.World;

namespace Mailquench.ExchangeSim.Exchange;

/// The line to a server's transport: README.md, "Control of a transport".
static class TransportControl
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// Throws Failure where the transport does not run or says no.
    public static JsonObject Ask(Call call, string server, JsonObject request)
    {
        JsonObject answer;
        try
        {
            string? address = (Json.ReadFile(call.World.SimFile(server, "transport.json")) as JsonObject).Text("control");
            if (address == null) throw Stopped(server);
            int colon = address.LastIndexOf(':');
            using var client = new TcpClient();
            client.Connect(address[..colon], int.Parse(address[(colon + 1)..]));
            client.ReceiveTimeout = client.SendTimeout = (int)Patience.TotalMilliseconds;
            using NetworkStream stream = client.GetStream();
            stream.Write(Encoding.UTF8.GetBytes(request.ToJsonString() + "\n"));
            using var reader = new StreamReader(stream, Encoding.UTF8);
            answer = JsonNode.Parse(reader.ReadLine() ?? throw Stopped(server))!.AsObject();
        }
        catch (Exception failure) when (failure is SocketException or IOException or JsonException)
        {
            throw Stopped(server);
        }
        if (answer.Bool("ok")) return answer;
        throw new Failure("LocalizedException", answer.Text("error") ?? "The transport said no, and not why.");
    }

    static Failure Stopped(string server) => new("LocalizedException",
        $"The Microsoft Exchange Transport service on computer \"{server}\" isn't running. Verify that the service is running, and try again.",
        System.Management.Automation.ErrorCategory.ResourceUnavailable, server);
}
