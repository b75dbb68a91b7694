using Mailquench.ExchangeSim.Shell;
using Mailquench.ExchangeSim.Tools;

namespace Mailquench.ExchangeSim;

/// One program, two faces: Windows PowerShell 5.1 on an Exchange server, and the tool that makes the world it lives in.
static class Program
{
    static int Main(string[] args)
    {
        // The engine would otherwise tell its makers of itself, and keep a cache in the home folder.
        Environment.SetEnvironmentVariable("POWERSHELL_TELEMETRY_OPTOUT", "1");
        Environment.SetEnvironmentVariable("PSModuleAnalysisCachePath", OperatingSystem.IsWindows() ? "nul" : "/dev/null");
        try
        {
            if (args.Length > 0 && args[0] == "world") return WorldTool.Run(args[1..]);
            if (args.Length > 0 && args[0] == "set") return SetTool.Run(args[1..]);
            return PowerShellProgram.Run(args);
        }
        catch (SimException failure)
        {
            Console.Error.WriteLine("exchange-sim: " + failure.Message);
            return 3;
        }
    }
}

/// What is wrong with the stand-in or its world, not with what was asked of it.
sealed class SimException(string message) : Exception(message);
