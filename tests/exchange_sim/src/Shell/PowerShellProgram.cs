using System.Management.Automation;
using System.Management.Automation.Runspaces;
using System.Text;
using Mailquench.ExchangeSim.World;

namespace Mailquench.ExchangeSim.Shell;

using PowerShell = System.Management.Automation.PowerShell;

/// powershell.exe, as far as a program that starts it sees it.
static class PowerShellProgram
{
    public static int Run(string[] args)
    {
        Arguments arguments;
        try { arguments = Arguments.Parse(args); }
        catch (BadArguments bad)
        {
            Console.Error.WriteLine(bad.Message);
            return unchecked((int)0xFFFD0000);
        }
        SimContext context = SimContext.Find();
        context.TakeExecutionPolicy(arguments.ExecutionPolicy);
        // Until a script sets [Console]::OutputEncoding, the OEM code page is what it writes.
        Encoding.RegisterProvider(CodePagesEncodingProvider.Instance);
        Console.OutputEncoding = Encoding.GetEncoding(437);
        Console.InputEncoding = Encoding.GetEncoding(437);
        if (!context.Settings.Is64Bit) Environment.SetEnvironmentVariable("PROCESSOR_ARCHITECTURE", "x86");
        else Environment.SetEnvironmentVariable("PROCESSOR_ARCHITECTURE", "AMD64");
        Environment.SetEnvironmentVariable("ExchangeInstallPath", context.InstallPath + Path.DirectorySeparatorChar);
        Environment.SetEnvironmentVariable("COMPUTERNAME", context.Server.ToUpperInvariant());
        PSStyle.Instance.OutputRendering = OutputRendering.PlainText;
        var host = new ConsoleHost();
        using Runspace runspace = LocalSession.Open(host, context);
        int code = new Scripts(host, runspace, context).Run(arguments);
        Console.Out.Flush();
        return code;
    }
}

sealed class Scripts(ConsoleHost host, Runspace runspace, SimContext context)
{
    public int Run(Arguments arguments)
    {
        if (arguments.ReadsInput || (arguments.Script == null && arguments.File == null)) return RunInput();
        string script = arguments.Script ?? FileCall(arguments);
        bool good = RunOne(script);
        return host.ExitCode ?? (good ? 0 : 1);
    }

    static string FileCall(Arguments arguments) =>
        "& '" + arguments.File!.Replace("'", "''") + "' " + string.Join(' ', arguments.Rest.Select(word => "'" + word.Replace("'", "''") + "'"));

    // -Command - : statement by statement, as far as it comes.
    int RunInput()
    {
        var statement = new StringBuilder();
        bool good = true;
        while (Console.In.ReadLine() is { } line)
        {
            statement.Append(line).Append('\n');
            try { NewerSyntax.Check(statement.ToString(), out _); }
            catch (ParseException failure) when (failure.Errors.Any(error => error.IncompleteInput) && line.Length > 0) { continue; }
            catch (ParseException) { }
            good = RunOne(statement.ToString());
            statement.Clear();
            if (host.ExitCode is { } code) return code;
        }
        if (statement.Length > 0) good = RunOne(statement.ToString());
        return host.ExitCode ?? (good ? 0 : 1);
    }

    bool RunOne(string script)
    {
        try
        {
            NewerSyntax.Check(script, out _);
        }
        catch (ParseException failure)
        {
            Console.Error.WriteLine(failure.Message);
            return false;
        }
        using PowerShell shell = PowerShell.Create(runspace);
        shell.AddScript(PretendedVersion.Tell(script, context.Settings.Is64Bit));
        shell.AddCommand("Out-Default");
        shell.Commands.Commands[0].MergeMyResults(PipelineResultTypes.Error, PipelineResultTypes.Output);
        try
        {
            shell.Invoke();
            // The exit code says how the last statement ended, not whether there were errors before it.
            return !shell.HadErrors || runspace.SessionStateProxy.GetVariable("?") is true;
        }
        catch (RuntimeException failure)
        {
            Report(failure.ErrorRecord);
            return false;
        }
    }

    static void Report(ErrorRecord record)
    {
        Console.Error.WriteLine(record.ToString());
        Console.Error.WriteLine("    + CategoryInfo          : " + record.CategoryInfo);
        Console.Error.WriteLine("    + FullyQualifiedErrorId : " + record.FullyQualifiedErrorId);
    }
}
