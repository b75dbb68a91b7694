using System.Collections;
using System.Management.Automation.Runspaces;

namespace Mailquench.ExchangeSim.Shell;

/// What a script is told of the shell. The engine below is a newer one; NewerSyntax refuses what that understands too much.
static class PretendedVersion
{
    public static readonly Version PowerShell = new(5, 1, 17763, 6893);

    public static void Tell(Runspace runspace)
    {
        var session = runspace.SessionStateProxy;
        if (session.GetVariable("PSVersionTable") is Hashtable table)
        {
            table["PSVersion"] = PowerShell;
            table["PSEdition"] = "Desktop";
            table["BuildVersion"] = new Version(10, 0, 17763, 6893);
            table["CLRVersion"] = new Version(4, 0, 30319, 42000);
            table["WSManStackVersion"] = new Version(3, 0);
            table["PSCompatibleVersions"] = new[] { new Version(1, 0), new Version(2, 0), new Version(3, 0), new Version(4, 0),
                                                    new Version(5, 0), new Version(5, 1) };
            foreach (string newer in new[] { "GitCommitId", "OS", "Platform" }) table.Remove(newer);
        }
    }

    // [Environment]::Is64BitProcess cannot be told otherwise: its text is changed. See README.md, "What is invented".
    public static string Tell(string script, bool is64Bit) => is64Bit
        ? script
        : script.Replace("[Environment]::Is64BitProcess", "$false", StringComparison.OrdinalIgnoreCase)
                .Replace("[System.Environment]::Is64BitProcess", "$false", StringComparison.OrdinalIgnoreCase)
                .Replace("[IntPtr]::Size", "4", StringComparison.OrdinalIgnoreCase);
}
