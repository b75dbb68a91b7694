@echo off
rem Takes Mailquench's agent off this host: the service and its program, with /purge also identity and journal.
rem See usage below and docs\windows.md. Broken off, the same call completes it.
setlocal EnableExtensions DisableDelayedExpansion
set "SERVICE=MailquenchAgent"
set "PURGE="
set "FORCE="
set "SYSTEM=%SystemRoot%\System32"
set "PROGRAMS=%ProgramFiles%"
if defined ProgramW6432 set "PROGRAMS=%ProgramW6432%"
set "FOLDER=%PROGRAMS%\Mailquench"
set "AGENT=%FOLDER%\mailquench-agent.exe"
set "STATE=%ProgramData%\mailquench-agent"
set "KEY=HKLM\SYSTEM\CurrentControlSet\Services\%SERVICE%"

:arguments
set "WORD=%~1"
if not defined WORD goto arguments_end
if "%WORD%"=="/?" goto usage
if /i "%WORD%"=="/purge" set "PURGE=1" & goto next
if /i "%WORD%"=="/force" set "FORCE=1" & goto next
goto wrong
:next
shift
goto arguments
:arguments_end

set "THERE="
"%SYSTEM%\reg.exe" query "%KEY%" /v ImagePath >nul 2>nul
if "%errorlevel%"=="0" set "THERE=1"
set "TOOL=%AGENT%"
if not exist "%TOOL%" set "TOOL=%~dp0mailquench-agent.exe"
if not exist "%TOOL%" set "TOOL=%AGENT%.previous"
if defined THERE if not exist "%TOOL%" call :say "the service %SERVICE% is there, but no mailquench-agent.exe, neither in '%FOLDER%' nor beside this script; put one beside it and run this again; nothing was changed" & exit /b 1
if not defined THERE if not exist "%FOLDER%\" if not exist "%STATE%\" echo uninstall.cmd: it is not installed; nothing was changed
if not defined THERE if not exist "%FOLDER%\" if not exist "%STATE%\" exit /b 0

rem --- Nothing is left behind that only the agent can put back. Of Exchange there are notes beside the journal, which may be lost.
set "OWES="
for %%f in (journal.db exchange-recovery exchange-isolation) do if exist "%STATE%\%%f" set "OWES=1"
if not defined OWES goto remove
if not exist "%TOOL%" goto unknown
"%TOOL%" outstanding --state-dir "%STATE%"
set "CODE=%errorlevel%"
if "%CODE%"=="0" goto remove
if "%CODE%"=="2" goto outstanding
:unknown
if defined FORCE goto remove
call :say "whether this host has changes that were not put back cannot be told; /force takes it off all the same; nothing was changed"
exit /b 1
:outstanding
if defined FORCE call :say "what is above stays as it is, as /force says" & goto remove
call :say "this host has what is above: end the incident first ('mailquench run restore', or 'mailquench-agent do ...' here), or take it off all the same with /force; nothing was changed"
exit /b 1

:remove
if not defined THERE goto files
if defined FORCE "%TOOL%" service uninstall --name "%SERVICE%" --force
if not defined FORCE "%TOOL%" service uninstall --name "%SERVICE%"
if "%errorlevel%"=="0" goto files
"%SYSTEM%\reg.exe" query "%KEY%" /v ImagePath >nul 2>nul
if "%errorlevel%"=="0" call :say "the service was not taken away, see the line above; program and state were left; run this again as administrator" & exit /b 1
:files
rem A process that has just ended may hold its program for a moment.
set /a LEFT=10
:again
for %%f in ("%AGENT%" "%AGENT%.new" "%AGENT%.previous" "%AGENT%.failed" "%AGENT%.copying" "%AGENT%.new.mailquench-tmp") do del /f /q "%%~f" >nul 2>nul
if not exist "%AGENT%*" goto gone
if %LEFT% LEQ 0 call :say "'%AGENT%' or a file beside it cannot be deleted; it may still run, or this is no administrator; end it and run this again" & exit /b 1
set /a LEFT-=1
"%SYSTEM%\ping.exe" -n 2 127.0.0.1 >nul
goto again
:gone
rem Only where nothing else is in there.
rd "%FOLDER%" >nul 2>nul
"%SYSTEM%\reg.exe" delete "HKLM\SYSTEM\CurrentControlSet\Services\EventLog\Application\%SERVICE%" /f >nul 2>nul
rem Or the next upgrade would take itself for one that was broken off.
del /f /q "%STATE%\upgrade" >nul 2>nul
if defined PURGE goto purge
if exist "%STATE%\" echo uninstall.cmd: uninstalled; '%STATE%' with identity and journal was kept: install.cmd goes on with it, /purge removes it
if not exist "%STATE%\" echo uninstall.cmd: uninstalled
exit /b 0
:purge
if exist "%STATE%\" rd /s /q "%STATE%"
if exist "%STATE%\" call :say "uninstalled, but '%STATE%' cannot be removed; see the line above; run this again" & exit /b 1
echo uninstall.cmd: uninstalled, and identity and journal are gone; 'mailquench host evict' takes the host off the controller's list. Quarantines stay beside their queues
exit /b 0

:say
set "TEXT=%~1"
setlocal EnableDelayedExpansion
>&2 echo uninstall.cmd: !TEXT!
endlocal
exit /b 0

:wrong
>&2 echo uninstall.cmd: unknown word "%WORD%"; nothing was changed
call :help >&2
exit /b 1
:usage
call :help
exit /b 0
:help
echo Takes the agent of Mailquench off this host. Run it as administrator.
echo.
echo   uninstall.cmd [/purge] [/force]
echo.
echo   /purge   also remove identity, journal and log; what was set aside or changed can then be put back by hand only
echo   /force   also where changes of this host were not put back, its mail service is stopped under a lease, or Exchange is held
echo.
echo Ends with 0 once it is done, with 1 otherwise, having said what was left how. Run it again then.
exit /b 0
