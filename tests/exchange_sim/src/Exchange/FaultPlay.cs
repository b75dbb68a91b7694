using System.Management.Automation;
using System.Text.Json.Nodes;
using Mailquench.ExchangeSim.Shell;
using Mailquench.ExchangeSim.World;

namespace Mailquench.ExchangeSim.Exchange;

/// What a fault of faults.json does to the cmdlet that it falls on, before that does its work.
static class FaultPlay
{
    public static void All(SimContext context, PSCmdlet cmdlet, string name)
    {
        foreach (JsonObject fault in Faults.Due(context.World, context.Server, name)) Suffer(fault, context, cmdlet, name);
    }

    static void Suffer(JsonObject fault, SimContext context, PSCmdlet cmdlet, string name)
    {
        string text = fault.Text("text") ?? $"A fault was asked for in {name}.";
        string kind = fault.Text("kind") ?? "DataSourceTransientException";
        switch (fault.Text("do"))
        {
            case "hang": Thread.Sleep(Timeout.Infinite); break;
            case "late": Thread.Sleep(TimeSpan.FromSeconds((double?)fault["seconds"] ?? 40)); break;
            case "throw": throw new Failure(kind, text);
            case "error": cmdlet.WriteError(new Failure(kind, text).Record(name, context.Server)); break;
            case "host": cmdlet.Host.UI.WriteLine(text); break;
            case "warning": cmdlet.WriteWarning(text); break;
            case "prompt": throw Confirmation.Failed(name);
            case "drop" when context.Remote: context.Dropped = true; break;
            case "rubbish":
                using (Stream output = Console.OpenStandardOutput())
                {
                    output.Write([0xff, 0xfe, 0x00, 0x1b, 0x7b, 0x22, 0xc3, 0x0a]);
                    output.Flush();
                }
                break;
            case "die": Environment.Exit((int?)fault["code"] ?? 1); break;
            default: throw new SimException($"faults.json asks for \"{fault.Text("do")}\" in {name}, which means nothing there");
        }
    }
}
